# An interval by inversion: the null values that a test does not reject. The p value is a step function of the null that is known only where
# it is asked for, so it is probed outwards from the estimate, and every change between two probes is then bracketed more closely.

kProbes <- 2^(-3:17)   # probes, in standard errors from the estimate; what holds at the last is taken to hold to infinity
kRounds <- 6          # each splits a bracket in eight: five digits

# The share that an interval leaves out; 1 - 0.9 is not 0.1 in binary.
alpha_of <- function(level) round(1 - level, 12)

# p_of(nulls) -> p values; `null` is probed too, so that its own p value and the set agree. A data frame of pieces (lower, upper); no rows where every null is rejected.
invert_test <- function(p_of, estimate, scale, level, null) {
  alpha <- alpha_of(level)
  probes <- sort(unique(c(estimate + scale * c(-rev(kProbes), 0, kProbes), null)))
  inside <- p_of(probes) > alpha
  change <- which(inside[-1] != inside[-length(inside)])
  ends <- refine_changes(p_of, alpha, probes[change], probes[change + 1], inside[change])
  opens <- !inside[change]
  lower <- c(if (inside[1]) -Inf, ends[opens])
  upper <- c(ends[!opens], if (inside[length(inside)]) Inf)
  data.frame(lower = lower, upper = upper)
}

# Where inside turns into outside between low and high, for several brackets at once.
refine_changes <- function(p_of, alpha, low, high, inside_low) {
  if (length(low) == 0) return(numeric())
  for (round in seq_len(kRounds)) {
    grid <- outer(high - low, seq_len(7) / 8) + low
    inside <- matrix(p_of(as.vector(grid)) > alpha, nrow = length(low))
    for (j in seq_along(low)) {
      at <- which(inside[j, ] != inside_low[j])
      first <- if (length(at)) at[1] else 8
      points <- c(low[j], grid[j, ], high[j])
      low[j] <- points[first]
      high[j] <- points[first + 1]
    }
  }
  (low + high) / 2
}

# The interval that holds all pieces.
hull <- function(pieces) if (nrow(pieces)) c(min(pieces$lower), max(pieces$upper)) else c(NA_real_, NA_real_)

set_words <- function(pieces, number = function(x) format(x, digits = 4, trim = TRUE)) {
  if (nrow(pieces) == 0) return("empty")
  if (nrow(pieces) == 1 && all(is.infinite(unlist(pieces)))) return("the whole line")
  paste(sprintf("%s to %s", vapply(pieces$lower, number, ""), vapply(pieces$upper, number, "")), collapse = ", or ")
}
