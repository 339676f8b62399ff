# An interpreter of the Stata commands that as_code() writes, and of no others: a line it does not know is an error. What it holds of Stata
# are the manual's rules: missing is larger than every number, factor variables are whole numbers from 0 up, a byte holds -127 to 100,
# generate makes and replace changes, names are legal and short, robust errors are scaled as documented.

run_stata <- function(code, data, name = "d") {
  lines <- as.character(unclass(code))
  folder <- tempfile("stata")
  dir.create(folder)
  old <- setwd(folder)
  on.exit({
    setwd(old)
    unlink(folder, recursive = TRUE)
  })
  write_columns(lines, data, name)
  machine <- new.env()
  machine$scalars <- machine$matrices <- machine$labels <- machine$shown <- list()
  for (line in stata_commands(lines)) {
    tryCatch(stata_do(line, machine), error = function(e) stop(sprintf("%s\n  in: %s", conditionMessage(e), line), call. = FALSE))
  }
  machine
}

# The R lines in the comment at the top.
write_columns <- function(lines, data, name) {
  env <- new.env(parent = globalenv())
  env[[name]] <- data
  eval(parse(text = sub("^[*]   ", "", lines[startsWith(lines, "*   ")])), env)
}

# Comments off, continued lines joined.
stata_commands <- function(lines) {
  if (any(grepl("[^ -~]", lines))) stop("a character that is not ASCII")
  if (any(grepl("/[*]", lines))) stop("/* opens a comment")
  lines <- lines[nzchar(lines) & !startsWith(lines, "*")]
  more <- grepl(" ///$", lines)
  lines <- ifelse(more, sub(" ///$", "", lines), sub(" +// .*$", "", lines))
  block <- cumsum(c(TRUE, !more[-length(more)]))
  unname(tapply(trimws(lines), block, paste, collapse = " "))
}

stata_do <- function(line, m) {
  word <- sub("^([a-z0-9]+).*$", "\\1", line)
  rest <- trimws(substring(line, nchar(word) + 1))
  switch(word,
    version = , set = NULL,
    import = do_import(rest, m),
    keep = do_keep(rest, m),
    assert = if (!all(stata_eval(rest, m) == 1)) stop("assertion is false"),
    generate = do_generate(rest, m),
    replace = do_replace(rest, m),
    egen = do_egen(rest, m),
    label = do_label(rest, m),
    encode = do_encode(rest, m),
    summarize = do_summarize(rest, m),
    scalar = do_scalar(rest, m),
    matrix = do_matrix(rest, m),
    quietly = stata_do(rest, m),
    ivregress = do_regress(sub("^2sls ", "", rest), m, TRUE),
    regress = do_regress(rest, m, FALSE),
    predict = do_predict(rest, m),
    display = do_display(rest, m),
    stop("unknown command ", word))
  invisible()
}

# ---- data ----

parts_of_match <- function(pattern, x) {
  found <- regmatches(x, regexec(pattern, x, perl = TRUE))[[1]]
  if (length(found) == 0) stop("cannot be read")
  found[-1]
}

do_import <- function(rest, m) {
  parts <- parts_of_match("^delimited using \"([^\"]+)\", clear varnames\\(1\\) case\\(preserve\\) asdouble(?: stringcols\\(([0-9 ]+)\\))?$", rest)
  raw <- utils::read.csv(parts[1], colClasses = "character", check.names = FALSE, na.strings = character())
  text <- as.integer(strsplit(parts[2], " ")[[1]])
  m$data <- as.data.frame(lapply(seq_along(raw), function(j) {
    numbers <- suppressWarnings(as.numeric(raw[[j]]))
    if (j %in% text || any(is.na(numbers) & nzchar(raw[[j]]))) raw[[j]] else numbers
  }), col.names = names(raw), check.names = FALSE)
  for (name in names(raw)) check_stata_name(name)
}

check_stata_name <- function(name) {
  reserved <- c("_all", "_b", "byte", "_coef", "_cons", "double", "float", "if", "in", "int", "long", "_n", "_N", "_pi", "_pred", "_rc", "_skip", "using", "with", "strL", "_se")
  if (!grepl("^[A-Za-z_][A-Za-z0-9_]{0,31}$", name) || name %in% reserved) stop("illegal name ", name)
}

do_keep <- function(rest, m) {
  keep <- stata_eval(sub("^if ", "", rest), m)
  m$data <- m$data[is.na(keep) | keep != 0, , drop = FALSE]   # missing is true
}

do_generate <- function(rest, m) {
  parts <- parts_of_match("^(?:(byte|double) )?([^ =]+) = (.*)$", rest)
  if (parts[2] %in% names(m$data)) stop(parts[2], " is already defined")
  check_stata_name(parts[2])
  value <- rep_len(stata_eval(parts[3], m), nrow(m$data))
  if (is.character(value) != (parts[1] == "")) stop("type mismatch")
  if (parts[1] == "byte" && !all(is.na(value) | (value == round(value) & value >= -127 & value <= 100))) stop("not bytes")
  m$data[[parts[2]]] <- value
}

do_replace <- function(rest, m) {
  parts <- parts_of_match("^([^ =]+) = (.*)$", rest)
  if (!parts[1] %in% names(m$data)) stop(parts[1], " not found")
  m$data[[parts[1]]] <- stata_eval(parts[2], m)
}

do_egen <- function(rest, m) {
  parts <- parts_of_match("^(?:double )?([^ =]+) = (group|mean|total|count)\\((.*?)\\)(?:, by\\(([^)]*)\\))?$", rest)
  check_stata_name(parts[1])
  if (parts[1] %in% names(m$data)) stop(parts[1], " is already defined")
  by <- if (nzchar(parts[4])) column_groups(strsplit(parts[4], " ")[[1]], m) else rep(1L, nrow(m$data))
  m$data[[parts[1]]] <- switch(parts[2],
    group = column_groups(strsplit(parts[3], " ")[[1]], m),
    mean = stats::ave(stata_eval(parts[3], m), by, FUN = function(x) mean(x, na.rm = TRUE)),
    count = stats::ave(stata_eval(parts[3], m), by, FUN = function(x) sum(!is.na(x))),
    total = stats::ave(stata_eval(parts[3], m), by, FUN = function(x) sum(x, na.rm = TRUE)))
}

column_groups <- function(names, m) {
  columns <- lapply(names, function(name) stata_column(name, m))
  keys <- do.call(order, c(columns, method = "radix"))
  label <- do.call(paste, c(columns, sep = "\r"))
  match(label, unique(label[keys]))
}

stata_column <- function(name, m) {
  if (!name %in% names(m$data)) stop(name, " not found")
  m$data[[name]]
}

do_label <- function(rest, m) {
  parts <- parts_of_match("^define ([^ ]+) (.*)$", rest)
  found <- regmatches(parts[2], gregexpr("[0-9]+ \"[^\"]*\"", parts[2]))[[1]]
  m$labels[[parts[1]]] <- stats::setNames(as.numeric(sub(" .*$", "", found)), sub("^[0-9]+ \"(.*)\"$", "\\1", found))
}

do_encode <- function(rest, m) {
  parts <- parts_of_match("^([^ ]+), generate\\(([^)]+)\\) label\\(([^)]+)\\)$", rest)
  x <- stata_column(parts[1], m)
  if (!is.character(x)) stop("not a string variable")
  code <- m$labels[[parts[3]]][x]
  if (anyNA(code)) stop("texts without a label")
  m$data[[parts[2]]] <- unname(code)
}

do_summarize <- function(rest, m) {
  parts <- parts_of_match("^([^ ,]+)(?: \\[aw = ([^]]+)\\])?, meanonly$", rest)
  x <- stata_column(parts[1], m)
  m$r_mean <- if (nzchar(parts[2])) stats::weighted.mean(x, stata_column(parts[2], m)) else mean(x)
}

do_scalar <- function(rest, m) {
  parts <- parts_of_match("^([^ =]+) = (.*)$", rest)
  m$scalars[[parts[1]]] <- stata_eval(parts[2], m)
}

do_matrix <- function(rest, m) {
  parts <- parts_of_match("^([^ =]+) = (.*)$", rest)
  env <- list2env(c(m$scalars, m$matrices, list(e = function(what) if (deparse(substitute(what)) == "V") m$e$V else stop("e()"))))
  m$matrices[[parts[1]]] <- eval(str2lang(parts[2]), env)
}

# ---- expressions ----

stata_eval <- function(text, m) {
  text <- gsub("_(b|se)\\[([A-Za-z0-9_.]+)\\]", "\\1_of(\"\\2\")", text)
  text <- gsub("\\b_N\\b", "rows_now", gsub("\\b_pi\\b", "pi", text))
  value <- eval(str2lang(text), c(m$data, list(. = NA_real_, rows_now = nrow(m$data))), stata_functions(m))
  if (is.logical(value)) as.numeric(value) else value
}

stata_functions <- function(m) {
  big <- function(x) if (is.character(x)) x else ifelse(is.na(x), Inf, x)
  compare <- function(f) function(a, b) {
    if (is.character(a) != is.character(b)) stop("type mismatch")
    as.numeric(f(big(a), big(b)))
  }
  truth <- function(x) is.na(x) | x != 0
  gone <- function(x) if (is.character(x)) x == "" else is.na(x)
  quiet <- function(f) function(x) {
    y <- suppressWarnings(f(x))
    ifelse(is.finite(y), y, NA)
  }
  quotient <- function(a, b) {
    y <- a / b
    ifelse(is.finite(y), y, NA)
  }
  list2env(list(
    `==` = compare(`==`), `!=` = compare(`!=`), `<` = compare(`<`), `>` = compare(`>`), `<=` = compare(`<=`), `>=` = compare(`>=`),
    `&` = function(a, b) as.numeric(truth(a) & truth(b)), `|` = function(a, b) as.numeric(truth(a) | truth(b)), `!` = function(a) as.numeric(!truth(a)),
    `/` = quotient,
    missing = function(...) as.numeric(Reduce(`|`, lapply(list(...), gone))),
    cond = function(a, b, c) ifelse(truth(a), b, c),
    inlist = function(x, ...) as.numeric(Reduce(`|`, lapply(list(...), function(v) if (is.character(v) == is.character(x)) !is.na(x) & x == v else stop("type mismatch")))),
    ln = quiet(log), log10 = quiet(log10), sqrt = quiet(sqrt), exp = exp, abs = abs, sign = sign, floor = floor, ceil = ceiling, trunc = trunc, sin = sin, cos = cos, tan = tan,
    tanh = tanh, mod = function(a, b) a - b * floor(a / b), min = function(...) pmin(..., na.rm = TRUE), max = function(...) pmax(..., na.rm = TRUE),
    scalar = function(x) m$scalars[[deparse(substitute(x))]], r = function(x) m$r_mean, e = function(x) m$e[[deparse(substitute(x))]],
    b_of = function(name) m$e$b[[name]], se_of = function(name) base::sqrt(m$e$V[name, name]),
    el = function(matrix, i, j) matrix[i, j], rownumb = function(matrix, name) match(name, rownames(matrix)), colnumb = function(matrix, name) match(name, colnames(matrix)),
    V = m$matrices$V), parent = baseenv())
}

# ---- regressions ----

do_regress <- function(rest, m, iv) {
  condition <- regmatches(rest, regexec(" if ([^,]*)", rest))[[1]]
  if (length(condition)) {
    everybody <- m$data
    m$data <- everybody[stata_eval(condition[2], m) != 0, , drop = FALSE]
    rest <- sub(condition[1], "", rest, fixed = TRUE)
    on.exit(m$data <- everybody)
  }
  parts <- parts_of_match("^([^ ,]+)((?: [^ ,(\\[]+)*)(?: \\(([^=]+) = ([^)]+)\\))?(?: \\[aw = ([^]]+)\\])?(?:, (.*))?$", rest)
  if (iv != nzchar(parts[3])) stop("beliefs in regress, or none in ivregress")
  options <- parts[6]
  constant <- !grepl("noconstant", options)
  y <- stata_column(parts[1], m)
  exogenous <- design(parts[2], m, constant)
  endogenous <- if (iv) design(parts[3], m, FALSE)
  z <- if (iv) design(parts[4], m, FALSE)
  w <- if (nzchar(parts[5])) stata_column(parts[5], m) else rep(1, length(y))
  w <- w * length(y) / sum(w)
  m$e <- least_squares(y, exogenous, endogenous, z, w, options, m, iv, nzchar(parts[5]))
  m$e$xb <- drop(cbind(endogenous, exogenous)[, names(m$e$b), drop = FALSE] %*% m$e$b)
}

# Columns of a varlist; the constant last.
design <- function(varlist, m, constant) {
  terms <- strsplit(trimws(varlist), " +")[[1]]
  columns <- lapply(terms[nzchar(terms)], term_of_varlist, m = m)
  out <- do.call(cbind, c(columns, if (constant) list(cbind("_cons" = rep(1, nrow(m$data))))))
  if (anyNA(out)) stop("missing values among the regressors")
  out
}

term_of_varlist <- function(term, m) {
  pieces <- strsplit(term, "#", fixed = TRUE)[[1]]
  made <- lapply(pieces, piece_of_varlist, m = m, alone = length(pieces) == 1)
  Reduce(function(a, b) {
    out <- do.call(cbind, lapply(seq_len(ncol(b)), function(j) a * b[, j]))
    colnames(out) <- as.vector(outer(colnames(a), colnames(b), paste, sep = "#"))
    out
  }, made)
}

piece_of_varlist <- function(piece, m, alone) {
  name <- sub("^(c|i|ibn)[.]", "", piece)
  x <- stata_column(name, m)
  if (is.character(x)) stop("string variable ", name, " among the regressors")
  if (!grepl("^(i|ibn)[.]", piece)) return(matrix(x, dimnames = list(NULL, name)))
  if (any(x < 0 | x != floor(x))) stop("factor variable ", name, " has values that are no whole numbers from 0 up")
  levels <- sort(unique(x))
  if (alone && startsWith(piece, "i.")) levels <- levels[-1]
  matrix(as.numeric(outer(x, levels, "==")), ncol = length(levels), dimnames = list(NULL, paste0(levels, ".", name)[seq_along(levels)]))
}

# Names of columns that are no combination of those before; the constant counts as first.
independent <- function(x, w, before = NULL) {
  all <- cbind(before, x)
  all <- all[, c(which(colnames(all) == "_cons"), which(colnames(all) != "_cons")), drop = FALSE]
  size <- sqrt(colSums(w * all^2))
  scaled <- sweep(all * sqrt(w), 2, pmax(size, 1e-300), "/")[, size > 0, drop = FALSE]
  q <- qr(scaled, tol = 1e-9)
  intersect(colnames(x), colnames(scaled)[q$pivot[seq_len(q$rank)]])
}

least_squares <- function(y, exogenous, endogenous, z, w, options, m, iv, weighted) {
  exogenous <- exogenous[, independent(exogenous, w), drop = FALSE]
  x <- cbind(endogenous, exogenous)
  projected <- x
  if (iv) {
    z <- z[, independent(z, w, exogenous), drop = FALSE]
    instruments <- cbind(exogenous, z)
    projected <- instruments %*% qr.coef(qr(instruments * sqrt(w)), x * sqrt(w))
    colnames(projected) <- colnames(x)
  }
  size <- sqrt(colSums(projected^2))                      # equilibrated, for columns of very different size
  bread <- chol2inv(qr.R(qr(sweep(projected, 2, size, "/") * sqrt(w), tol = 1e-14))) / tcrossprod(size)
  dimnames(bread) <- list(colnames(x), colnames(x))
  b <- drop(bread %*% crossprod(projected, w * y))
  e <- drop(y - x %*% b)
  n <- length(y)
  k <- ncol(x)
  small <- !iv || grepl("small", options)
  vce <- if (grepl("vce\\(", options)) sub("^.*vce\\(([^)]*)\\).*$", "\\1", options) else "unadjusted"
  c(list(b = stats::setNames(b, colnames(x)), N = n), vce_of(vce, projected, bread, e, w, n, k, small, m, iv, weighted))
}

vce_of <- function(vce, x, bread, e, w, n, k, small, m, iv, weighted) {
  sandwich <- function(scores) bread %*% crossprod(scores) %*% bread
  if (vce == "unadjusted") return(list(V = bread * sum(w * e^2) / (if (small) n - k else n)))
  if (vce == "robust") return(list(V = sandwich(x * (w * e)) * (if (small) n / (n - k) else 1)))
  if (iv && grepl("hc", vce)) stop("ivregress has no ", vce)
  if (weighted && grepl("hc", vce)) stop("another convention for weighted leverage")
  if (vce %in% c("hc2", "hc3")) return(list(V = sandwich(x * (e / (1 - rowSums((x %*% bread) * x))^(if (vce == "hc2") 0.5 else 1)))))
  groups <- column_groups(parts_of_match("^(?:cluster|hc2) ([^ ,]+)", vce), m)
  g <- max(groups)
  if (grepl("^cluster", vce)) {
    factor <- if (small) g / (g - 1) * (n - 1) / (n - k) else 1
    return(list(V = sandwich(rowsum(x * (w * e), groups)) * factor, N_clust = g))
  }
  adjusted <- t(vapply(split(seq_len(n), groups), function(rows) {
    xg <- x[rows, , drop = FALSE]
    d <- eigen(diag(length(rows)) - xg %*% bread %*% t(xg), symmetric = TRUE)
    root <- ifelse(d$values > 1e-10, 1 / sqrt(pmax(d$values, 1e-300)), 0)
    drop(crossprod(xg, d$vectors %*% (root * crossprod(d$vectors, e[rows]))))
  }, numeric(k)))
  list(V = sandwich(matrix(adjusted, ncol = k, dimnames = list(NULL, colnames(x)))), N_clust = g)
}

do_predict <- function(rest, m) {
  name <- parts_of_match("^double ([^ ,]+), xb$", rest)
  check_stata_name(name)
  m$data[[name]] <- m$e$xb
}

do_display <- function(rest, m) {
  parts <- parts_of_match("^\"([^\"]+): \" (_b\\[[^]]+\\]) \"  standard error: \" (.*)$", rest)
  m$shown[[parts[1]]] <- c(stata_eval(parts[2], m), stata_eval(parts[3], m))
}

# Estimates and standard errors of the first p coefficients: shown ones, or those of the last regression.
stata_numbers <- function(machine, p) {
  if (length(machine$shown)) return(do.call(rbind, machine$shown))
  cbind(machine$e$b, sqrt(diag(machine$e$V)))[seq_len(p), , drop = FALSE]
}
