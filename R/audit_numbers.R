# The arithmetic of audit(): a regression with robust errors, joint tests, shares and means. Clusters, strata and weights are those of `people`.

# ---- a regression with robust errors ----

# y on the columns of x, the constant or the strata taken out: HC1, or CR1 by the cluster. Collinear columns are left out.
robust_fit <- function(y, x, people, rows) {
  w <- if (people$weighted) people$weight[rows]
  raw <- cbind(x, y)
  net <- net_of_strata(raw, w, people$stratum[rows])
  p <- ncol(net) - 1
  products <- weighted_products(net, w)
  size <- sqrt(diag(products))[seq_len(p)]
  alive <- which(size > 1e-9 * sqrt(diag(weighted_products(raw, w)))[seq_len(p)])
  used <- alive[independent(products[alive, alive, drop = FALSE] / tcrossprod(size[alive]))]
  if (length(used) == 0) return(list(estimate = numeric(), vcov = matrix(0, 0, 0), df = NA_real_))
  bread <- chol2inv(chol(products[used, used, drop = FALSE] / tcrossprod(size[used]))) / tcrossprod(size[used])
  slope <- drop(bread %*% products[used, p + 1])
  columns <- net[, used, drop = FALSE]
  error <- net[, p + 1] - drop(columns %*% slope)
  k <- length(used) + max(1, length(unique(people$stratum[rows])))
  meat <- robust_meat(columns * (if (is.null(w)) error else w * error), people$cluster[rows], k)
  list(estimate = slope, vcov = bread %*% meat$sum %*% bread, df = meat$df)
}

weighted_products <- function(x, w) crossprod(if (is.null(w)) x else sqrt(w) * x)

# Places of columns by their correlations; of two collinear ones the first stays.
independent <- function(correlation) {
  if (ncol(correlation) == 0) return(integer())
  qr <- qr(correlation, tol = 1e-9)
  sort(qr$pivot[seq_len(qr$rank)])
}

robust_meat <- function(scores, cluster, k) {
  n <- nrow(scores)
  if (is.null(cluster)) return(list(sum = n / (n - k) * crossprod(scores), df = n - k))
  sums <- rowsum(scores, cluster)
  g <- nrow(sums)
  list(sum = g / (g - 1) * (n - 1) / (n - k) * crossprod(sums), df = g - 1)
}

# Less the weighted mean, of the stratum or of everybody.
net_of_strata <- function(x, w, stratum) {
  if (is.null(stratum)) return(x - rep(weighted_means(x, w), each = nrow(x)))
  ids <- match(stratum, sort(unique(stratum)))
  x - group_means(x, ids - 1L, w)[ids, , drop = FALSE]
}

# F and p of all columns together; NA where there are too few clusters for so many columns.
joint_test <- function(fit) {
  q <- length(fit$estimate)
  if (q == 0) return(list(F = NA_real_, q = 0, p = NA_real_))
  root <- sqrt(diag(fit$vcov))
  f <- if (isTRUE(all(root > 0))) wald(fit$estimate / root, fit$vcov / tcrossprod(root)) / q else NA_real_
  list(F = f, q = q, p = if (is.na(f)) NA_real_ else stats::pf(f, q, fit$df, lower.tail = FALSE))
}

# NA without degrees of freedom: one cluster, one person.
t_interval <- function(estimate, se, df) if (isTRUE(df > 0)) estimate + c(-1, 1) * stats::qt(0.975, df) * se else c(NA_real_, NA_real_)

# Above, or beyond on both sides; NA as there.
t_above <- function(t, df) if (isTRUE(df > 0)) stats::pt(t, df, lower.tail = FALSE) else NA_real_

t_two_sided <- function(t, df) 2 * t_above(abs(t), df)

# t of a mean (mean_of()); 0 where nobody differs from 0.
t_of <- function(found) if (found$mean == 0 && isTRUE(found$se == 0)) 0 else found$mean / found$se

# ---- shares ----

kWilson <- stats::qnorm(0.975)

wilson <- function(p, n) {
  middle <- (p + kWilson^2 / (2 * n)) / (1 + kWilson^2 / n)
  reach <- kWilson / (1 + kWilson^2 / n) * sqrt(p * (1 - p) / n + kWilson^2 / (4 * n^2))
  c(if (p > 0) middle - reach else 0, if (p < 1) middle + reach else 1)
}

# Share, Wilson interval and people; the effective number of people is that of the weights over the clusters' design effect.
share_of <- function(hit, people, rows) {
  w <- people$weight[rows] / sum(people$weight[rows])
  hit <- hit[rows]
  p <- min(1, sum(w * hit))
  effective <- 1 / sum(w^2)
  cluster <- people$cluster[rows]
  if (!is.null(cluster) && p > 0 && p < 1) effective <- effective / max(1, sum(rowsum(w * (hit - p), cluster)^2) / sum((w * (hit - p))^2))
  list(share = p, interval = wilson(p, effective), n = length(hit))
}

share_row <- function(people, check, found, verdict, what, says, todo = "", arm = NULL, p = NA_real_) {
  audit_row(people, check, found$share, found$interval, p, verdict, found$n, what, says, todo, arm = arm)
}

# The word for a test that could not be made is not `ok`.
tested <- function(p, word) if (is.na(p)) "look" else if (p < kAuditP) word else "ok"

untested_words <- function(p, todo) if (is.na(p)) "The test cannot be made: its covariance has no inverse, with too few clusters or people for it." else todo

above <- function(x, limit) if (isTRUE(x > limit)) "look" else "ok"

# Mean with its error, by cluster where there are clusters.
mean_of <- function(x, people, rows) {
  w <- people$weight[rows] / sum(people$weight[rows])
  mean <- sum(w * x[rows])
  parts <- w * (x[rows] - mean)
  if (!is.null(people$cluster)) parts <- rowsum(parts, people$cluster[rows])
  list(mean = mean, se = sqrt(length(parts) / (length(parts) - 1) * sum(parts^2)), df = length(parts) - 1)
}

# Sign of a difference, 0 up to rounding.
sign_of <- function(x, y) ifelse(abs(x - y) <= 1e-12 * (abs(x) + abs(y)), 0, sign(x - y))
