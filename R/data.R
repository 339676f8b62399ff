# Written out rather than inferred from the object: roxygen2 then needs no data loaded to make the page.

#' A simulated survey on expected inflation and pay claims
#'
#' A passive-control experiment in the shape of published ones, with everybody's true belief effect beside what the
#' survey would see. People say what inflation they expect; half are told a forecast of 5 percent; a week later all
#' say again what they expect, and which pay rise they would ask for. No line of it is real: it comes from
#' [simulate_experiment()] by the script `data-raw/inflation_survey.R` in the package's repository.
#'
#' @format A data frame with 2,000 rows, one per person, and 13 columns.
#' \describe{
#'   \item{id}{1 to 2,000.}
#'   \item{age}{years, 18 to 80.}
#'   \item{female, college}{0 or 1.}
#'   \item{region}{factor: north, south, east, west.}
#'   \item{prior}{expected inflation before, percent a year; the form ends at 20.}
#'   \item{signal}{the forecast, 5 percent for everybody, told or not.}
#'   \item{told}{1 if told the forecast, 0 if not; drawn by person with probability one half.}
#'   \item{posterior}{expected inflation a week later, percent a year; `NA` for the 372 people who did not come back.}
#'   \item{pay_claim}{pay rise the person would ask for, percent; `NA` for the same people.}
#'   \item{learning_rate}{truth: the part of the way from prior to signal that the person goes if told, 0 to 1.}
#'   \item{update}{truth: belief if told less belief if not told, percentage points.}
#'   \item{belief_effect}{truth: change of `pay_claim` per percentage point of expected inflation.}
#' }
#'
#' @details
#' What it shows: the pay claim rises with expected inflation for 97 percent of the people, by 0.35 on average, but
#' more for those who expected little. Those below the forecast move up when told, those above it move down, more of
#' them and further, so that `arm` gives those below a negative weight: its estimate is -0.11, outside what it finds
#' below (0.57) and above (0.09) the forecast. `sign` gives 0.22, near the weighted mean of true effects that it aims
#' at (0.23). That is not the unweighted mean: those above move more, and count more.
#'
#' The shape follows Haaland and Roth (2023), experiment 2. Their moments, computed from the replication data (people
#' with a posterior, but for the prior and the missing), against those of this data set:
#'
#' | moment | theirs | here |
#' |:---|---:|---:|
#' | prior above, at, below the signal (percent) | 46, 7, 47 | 48, 7, 45 |
#' | untold moving down, staying, moving up (percent) | 34, 26, 40 | 31, 28, 41 |
#' | slope of the untold posterior on the prior | 0.64 | 0.66 |
#' | mean drift of the untold (standard deviations of the prior) | 0.15 | 0.03 |
#' | its standard deviation (same unit) | 1.29 | 0.57 |
#' | posterior exactly at the signal, told and untold (percent) | 47 and 7 | 42 and 12 |
#' | learning rate: slope of the posterior on arm x gap | 0.58 | 0.46 |
#' | effect of the arm on the posterior, prior below the signal (same unit) | 0.18 | 0.23 |
#' | the same, prior above the signal | -0.75 | -0.55 |
#' | posterior or outcome missing, told and untold (percent) | 21 and 15 | 23 and 14 |
#' | prior at the top of the form (percent) | 10 | 2 |
#'
#' The topic, the units, the effects and their fall with the prior are chosen. Drift is milder than theirs, so that a
#' sample of this size tells the specifications apart: over 200 other seeds the estimate of `arm` was outside both
#' local effects in all, and `sign` within two standard errors of its weighted mean in 94 percent.
#'
#' @source Simulated. Moments: Haaland, I. and C. Roth (2023), "Beliefs about racial discrimination and support for
#'   pro-black policies", *Review of Economics and Statistics* 105(1), \doi{10.1162/rest_a_01036}. Why designs of this
#'   kind ask for prior and posterior: Haaland, I., C. Roth and J. Wohlfart (2023), "Designing information provision
#'   experiments", *Journal of Economic Literature* 61(1), 3-40.
#' @name inflation_survey
#' @docType data
#' @usage inflation_survey
#' @keywords datasets
#' @examples
#' summary(inflation_survey$belief_effect)
#' with(inflation_survey, table(side = sign(signal - prior), told))
NULL
