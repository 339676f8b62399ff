# Who is drawn: people, or clusters. What the schemes need of the fit besides.

# list(index: ids, count, label; or NULL where people are drawn; label; problem: the fit's, where it had to be read)
read_units <- function(fit, cluster) {
  choice <- units_choice(fit, cluster)
  if (length(choice$ways) == 0) return(list(index = NULL, label = "people"))
  check_one_variable(choice)
  kept <- kept_of(fit)
  problem <- problem_of(fit)
  index <- cluster_indices(problem, add_clusters(problem, choice), kept)[[1]]
  check_units_drawn(index, problem, kept)
  list(index = index, label = index$label, problem = problem)
}

units_choice <- function(fit, cluster) {
  if (is.character(cluster) && length(cluster) == 1) cluster <- stats::as.formula(call("~", as.name(cluster)), env = baseenv())
  if (!is.null(cluster)) return(own_clusters(cluster_choice(CR(cluster)$cluster, "CR1"), fit$data))
  if (length(fit$vcov_kind$ways)) return(list(type = "CR1", ways = fit$vcov_kind$ways))
  list(type = "HC1", ways = list())
}

check_one_variable <- function(choice) {
  if (length(choice$ways) == 1) return(invisible(choice))
  abort_miv("several_clusters", "There are several cluster variables (%s), and draws are of one variable's clusters. Say which, as a rule that with the fewest clusters: `cluster = ~ variable`.",
            quote_names(vapply(choice$ways, `[[`, "", "label")))
}

check_units_drawn <- function(index, problem, kept) {
  ids <- keep_rows(index$ids, kept)
  if (index$count == length(ids)) {
    abort_miv("single_clusters", "Each of the %s clusters of `%s` has one row, so drawing clusters is drawing rows; leave the clusters out (`vcov = \"HC1\"`).",
              big_number(index$count), index$label)
  }
  if (problem$weights < 0) return(invisible(index))
  total <- rowsum(as.numeric(keep_rows(problem$sources$vectors[[problem$weights + 1L]], kept)), ids)
  share <- max(total) / sum(total)
  if (share > 1 - 1e-8) abort_miv("one_cluster", "One cluster of `%s` has all of the weight (all but %s); nothing is left to draw.", index$label, format(1 - share, digits = 2))
  invisible(index)
}

# list(design, reference, index, by_group) for the core. Under "wild" an effect that is not within the units enters as dummies.
drawn_design <- function(fit, units, wild) {
  problem <- if (is.null(units$problem)) problem_of(fit) else units$problem
  sample <- sample_of(fit)
  within <- vapply(problem$effects, function(effect) effect_within(problem, effect, units, sample$kept), NA)
  loose <- !all(within)
  if (loose && length(within) > 1) stop_loose_effects(fit, units)
  if (loose && wild) problem <- dummies_for_effects(problem, sample$kept, list(type = "The wild bootstrap"))$problem
  absorbed <- absorb(problem, sample)
  index <- if (is.null(units$index)) NULL else absorbed$match(list(units$index))[[1]]
  list(design = absorbed$design, reference = absorbed$reference, index = index, by_group = loose && !wild)
}

effect_within <- function(problem, effect, units, kept) !is.null(units$index) && is_nested_cpp(effect_index(problem, effect, kept), units$index)

stop_loose_effects <- function(fit, units) {
  abort_miv("absorbed_effects", "The %d fixed effects (%s) must be estimated again in every draw of %s, which is done for one; write all but one as `factor()` among the controls, or draw clusters that contain them (`cluster = `).",
            length(fit$fixed_effects), quote_names(names(fit$fixed_effects)), units$label)
}

check_draws <- function(R) {
  if (is.numeric(R) && length(R) == 1 && is.finite(R) && R >= 2 && R == floor(R) && R < 2^31) return(invisible(R))
  abort_miv("bad_draws", "`R` is `%s`; give the number of draws, a whole number from 2 on, such as 9999.", deparse_one(R))
}

memory_budget <- function() {
  megabytes <- getOption("miv.memory", 512)
  if (!is.numeric(megabytes) || length(megabytes) != 1 || !isTRUE(megabytes > 0)) abort_miv("bad_option", "`options(miv.memory)` is `%s`; give megabytes, such as 512.", deparse_one(megabytes))
  megabytes * 1e6
}
