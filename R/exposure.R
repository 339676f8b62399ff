# The only place that knows exposures: a name or a function becomes the columns of the instruments and of the level controls
# (recipes for the core's tiles), and the guarantee that comes with it.

kExposures <- c("sign", "gap", "arm", "arm+gap", "arm+sign")

check_exposure <- function(exposure, experiment) {
  if (is.function(exposure)) {
    check_units(experiment, "a function of the gap")
    return(invisible(exposure))
  }
  check_choice(exposure, kExposures, "exposure")
  if (exposure %in% c("gap", "arm+gap")) check_units(experiment, sprintf("`exposure = \"%s\"`", exposure))
  invisible(exposure)
}

check_units <- function(experiment, what, cure = "use \"sign\", \"arm\" or \"arm+sign\"") {
  if (experiment$units == "prior") return(invisible(experiment))
  abort_miv("units", "%s needs the gap as a size, but the belief `%s` is in other units than the prior; %s.", what, experiment$roles$belief$label, cure)
}

# list(instruments, levels: columns; formula: expressions of the level controls; guarantee; centred; several).
read_exposure <- function(experiment, exposure, arm_control, pool, sources) {
  check_exposure(exposure, experiment)
  people <- read_people(experiment, sources)
  h <- exposure_parts(exposure, people, sources)
  arms <- seq_along(people$arms)
  instruments <- if (pool || length(arms) == 1) pooled_instruments(h, people) else separate_instruments(h, people)
  levels <- level_columns(exposure, h, people)
  if (arm_control) levels <- c(levels, arm_columns(people))
  name <- if (is.function(exposure)) "function" else exposure
  list(name = name, instruments = instruments, levels = levels, people = people,
       guarantee = guarantee_of(name, arm_control, pool || length(arms) == 1, if (is.function(exposure)) h$keeps_sign))
}

# The arm column, one gap per informed arm, and how the arm is centred.
read_people <- function(experiment, sources) {
  codes <- arm_codes(experiment)
  arm <- add_source(sources, codes$x, paste("arm", experiment$arm$label))
  operands <- lapply(experiment$arm$informed, gap_operands, experiment = experiment)
  gaps <- gap_matrix(operands, sources)
  position <- match(experiment$arm$informed, experiment$arm$levels)
  strata <- length(experiment$roles$strata) > 0
  list(arm = arm, arms = experiment$arm$informed, values = codes$values, position = position, gaps = gaps, operands = operands,
       patterns = side_patterns(experiment), centred = strata || length(position) > 1 || !is.null(experiment$probability),
       several = length(position) > 1, probability = known_probability(experiment, sources), base = experiment$arm$base)
}

# Which sides occur, by informed arm.
sides_present <- function(experiment) {
  sides <- experiment$counts$sides
  lapply(seq_len(ncol(sides)), function(a) c(-1, 0, 1)[sides[, a] > 0])
}

# NULL, or by informed arm a number or the source of minus the person's probability.
known_probability <- function(experiment, sources) {
  p <- experiment$probability
  if (is.null(p)) return(NULL)
  if (is.list(p)) return(list(add_source(sources, -as.numeric(role_values(experiment, p)), "minus probability")))
  as.list(if (is.null(names(p))) rep(p, length(experiment$arm$informed)) else p[experiment$arm$informed])
}

# h by informed arm: lists of atoms to multiply the arm with; several instruments under "arm+gap" and "arm+sign".
exposure_parts <- function(exposure, people, sources) {
  arms <- seq_along(people$arms)
  if (is.function(exposure)) return(function_parts(exposure, people, sources))
  parts <- switch(exposure,
    sign = list(sign = function(g) list(atom_side(g))),
    gap = list(gap = function(g) list(atom_gap(g))),
    arm = list(arm = function(g) list()),
    `arm+gap` = list(arm = function(g) list(), gap = function(g) list(atom_gap(g))),
    `arm+sign` = list(`-1` = function(g) list(atom_side_is(g, -1)), `+1` = function(g) list(atom_side_is(g, 1))))
  list(by_arm = lapply(arms, function(a) lapply(parts, function(part) part(a - 1L))), names = names(parts))
}

function_parts <- function(exposure, people, sources, rows = length(sources$vectors[[people$arm + 1L]])) {
  made <- lapply(seq_along(people$arms), function(a) {
    gap <- rep_len(people$operands[[a]]$minuend - people$operands[[a]]$subtrahend, rows)      # two numbers where both signals are
    h <- check_function_value(call_given(exposure, gap, "exposure", "bad_exposure"), gap)
    list(atom = atom_numeric(add_source(sources, h, paste("exposure of the gap", a))), keeps = all(sign(h) == sign(gap), na.rm = TRUE))
  })
  list(by_arm = lapply(made, function(m) list(`function` = list(m$atom))), names = "function", keeps_sign = all(vapply(made, `[[`, NA, "keeps")))
}

check_function_value <- function(h, gap) {
  if (!is.numeric(h) || length(h) != length(gap)) {
    abort_miv("bad_exposure", "The exposure function returned %d values of type %s for %d gaps; it must return one number each.", length(h), typeof(h), length(gap))
  }
  lost <- sum(!is.finite(h) & is.finite(gap))
  if (lost > 0) abort_miv("bad_exposure", "The exposure function is missing or infinite at %d gaps; make it finite everywhere.", lost)
  as.numeric(h)
}

# (T_a - p_a) h_a: products of one instrument for arm a. The share is filled in when the sample is known.
arm_products <- function(people, a, h) {
  value <- people$values[people$position[a]]
  if (is.null(people$probability)) {
    return(list(c(list(atom_arm(people$arm, value, if (people$centred) people$position[a] else NA_integer_)), h)))
  }
  p <- people$probability[[a]]
  if (is.integer(p)) return(list(c(list(atom_arm(people$arm, value)), h), c(list(atom_numeric(p)), h)))
  atom <- atom_arm(people$arm, value)
  atom[[4]] <- p
  list(c(list(atom), h))
}

pooled_instruments <- function(h, people) {
  lapply(h$names, function(part) {
    products <- unlist(lapply(seq_along(people$arms), function(a) arm_products(people, a, h$by_arm[[a]][[part]])), recursive = FALSE)
    list(name = instrument_name(part, if (people$several) "informed" else people$arms), products = products, added = TRUE)
  })
}

separate_instruments <- function(h, people) {
  made <- lapply(seq_along(people$arms), function(a) lapply(h$names, function(part) {
    list(name = instrument_name(part, people$arms[a]), products = arm_products(people, a, h$by_arm[[a]][[part]]), added = TRUE)
  }))
  unlist(made, recursive = FALSE)
}

instrument_name <- function(part, arm) {
  what <- switch(part, sign = " x side", gap = " x gap", arm = "", `-1` = " x side -1", `+1` = " x side +1", " x exposure")
  paste0("arm ", arm, what)
}

# ---- level controls ----

level_columns <- function(exposure, h, people) {
  if (is.function(exposure)) return(own_levels(".exposure", lapply(h$by_arm, function(part) part[[1]]), people))
  switch(exposure,
    arm = list(),
    gap = , `arm+gap` = own_levels(".gap", lapply(seq_along(people$arms), function(a) list(atom_gap(a - 1L))), people),
    side_levels(people))
}

own_levels <- function(name, atoms, people) {
  names <- if (people$several) paste0(name, "_", people$arms) else name
  Map(function(n, a) list(name = n, products = list(a), added = TRUE), names, atoms)
}

# One dummy per side (or pattern of sides, with several informed arms), the first one left to the constant.
side_levels <- function(people) {
  grid <- people$patterns
  stem <- if (people$several) ".pattern" else ".side"
  lapply(seq_len(nrow(grid))[-1], function(i) {
    atoms <- lapply(seq_along(people$arms), function(a) atom_side_is(a - 1L, grid[i, a]))
    list(name = paste0(stem, paste(grid[i, ], collapse = ",")), products = list(atoms), added = TRUE)
  })
}

kGridPatterns <- 81   # of four informed arms; beyond, combinations are too many to list

# Combinations of the sides that occur, one column per informed arm, in ascending order: all of them where they are few, else those that people have.
side_patterns <- function(experiment) {
  sides <- sides_present(experiment)
  grid <- if (prod(lengths(sides)) <= kGridPatterns) expand.grid(sides) else patterns_seen(experiment)
  grid[do.call(order, unname(as.list(grid))), , drop = FALSE]
}

patterns_seen <- function(experiment) {
  sides <- as.data.frame(lapply(experiment$arm$informed, function(arm) sign(gap_values(experiment, arm))[complete_rows(experiment)]))
  code <- Reduce(function(code, side) 3 * code + side + 1, sides, 0)
  sides[!duplicated(code), , drop = FALSE]
}

arm_columns <- function(people) {
  lapply(seq_along(people$arms), function(a) {
    list(name = paste0(".arm", people$arms[a]), products = list(list(atom_arm(people$arm, people$values[people$position[a]]))), added = TRUE)
  })
}

# Names of the level controls' variables in the flat formula.
level_variables <- function(levels) {
  lapply(unique(level_stems(column_names(levels))), as.name)
}

level_stems <- function(names) sub("^(\\.side|\\.pattern|\\.arm).*$", "\\1", names)

guarantee_of <- function(name, arm_control, pooled, keeps_sign) {
  if (!pooled) return("none with one instrument per arm: weights may be negative")
  if (arm_control && name %in% c("gap", "arm+gap")) return("none: negative for gaps between 0 and their mean")
  switch(name,
    sign = "never negative when people move toward the signal",
    gap = "never negative when people move toward the signal, but large prior errors weigh more",
    arm = "none: negative for whoever moves against the average",
    `arm+gap` = "none: negative where the gap and the fitted move differ in sign",
    `arm+sign` = "never negative when each side moves toward the signal on average",
    if (keeps_sign) "never negative when people move toward the signal (the function keeps the gap's sign)" else "none: the function changes the gap's sign")
}
