// Every export: map R's objects, call the core, make a list. No arithmetic, no checks; R has checked meaning, the core checks shape.
#include <RcppEigen.h>

#include "core/arms.h"
#include "core/cluster_adjust.h"
#include "core/cluster_index.h"
#include "core/covariance.h"
#include "core/effect_weights.h"
#include "blas_arma.h"
#include "core/kernels.h"
#include "core/permute.h"
#include "core/resample.h"
#include "core/weak_iv.h"

namespace {

miv::Source as_source(SEXP x) {
  miv::Source out;
  if (TYPEOF(x) == REALSXP) {
    out.real = REAL(x);
  } else {
    out.integer = TYPEOF(x) == LGLSXP ? LOGICAL(x) : INTEGER(x);
  }
  return out;
}

std::vector<miv::Source> as_sources(const Rcpp::List& columns) {
  std::vector<miv::Source> out;
  for (R_xlen_t i = 0; i < columns.size(); ++i) out.push_back(as_source(columns[i]));
  return out;
}

const unsigned char* as_mask(SEXP kept) { return Rf_isNull(kept) ? nullptr : RAW(kept); }

const int* as_ids(SEXP ids) { return Rf_isNull(ids) ? nullptr : INTEGER(ids); }

std::vector<miv::Gap> as_gaps(const Rcpp::NumericMatrix& gaps) {
  std::vector<miv::Gap> out;
  for (int j = 0; j < gaps.ncol(); ++j) {
    miv::Gap gap;
    gap.minuend = {static_cast<int>(gaps(0, j)), gaps(1, j)};
    gap.subtrahend = {static_cast<int>(gaps(2, j)), gaps(3, j)};
    out.push_back(gap);
  }
  return out;
}

// An atom is list(kind, source, value, table, strata), in this order.
miv::Atom as_atom(const Rcpp::List& atom) {
  miv::Atom out;
  out.kind = static_cast<miv::AtomKind>(Rcpp::as<int>(atom[0]));
  out.source = Rcpp::as<int>(atom[1]);
  out.value = Rcpp::as<double>(atom[2]);
  out.table = Rcpp::as<std::vector<double>>(atom[3]);
  out.strata = Rcpp::as<int>(atom[4]);
  return out;
}

miv::Column as_column(const Rcpp::List& products) {
  miv::Column out;
  for (R_xlen_t p = 0; p < products.size(); ++p) {
    const Rcpp::List atoms = products[p];
    miv::Product product;
    for (R_xlen_t a = 0; a < atoms.size(); ++a) product.push_back(as_atom(atoms[a]));
    out.push_back(product);
  }
  return out;
}

miv::Index as_index(SEXP x) { return static_cast<miv::Index>(Rcpp::as<double>(x)); }

miv::Design as_design(const Rcpp::List& design) {
  miv::Design out;
  out.sources = as_sources(design["sources"]);
  out.gaps = as_gaps(design["gaps"]);
  const Rcpp::List columns = design["columns"];
  for (R_xlen_t j = 0; j < columns.size(); ++j) out.columns.push_back(as_column(columns[j]));
  out.controls = as_index(design["controls"]);
  out.instruments = as_index(design["instruments"]);
  out.beliefs = as_index(design["beliefs"]);
  out.intercept = Rcpp::as<bool>(design["intercept"]);
  out.weights.source = Rcpp::as<int>(design["weights"]);
  out.weights.constant = 1.0;
  out.groups = as_ids(design["groups"]);
  out.n_groups = as_index(design["n_groups"]);
  out.rows = as_index(design["rows"]);
  const Rcpp::List sources = design["sources"];
  for (R_xlen_t i = 0; i < sources.size(); ++i)
    if (Rf_xlength(sources[i]) < out.rows) throw std::invalid_argument("a source is shorter than the data");
  out.kept = as_mask(design["kept"]);
  return out;
}

miv::Workers as_workers(int threads) { return {threads, []() { Rcpp::checkUserInterrupt(); }}; }

std::vector<miv::Groups> as_groups(const Rcpp::List& clusters) {
  std::vector<miv::Groups> out;
  for (R_xlen_t i = 0; i < clusters.size(); ++i) {
    const Rcpp::List index = clusters[i];
    out.push_back({as_ids(index["ids"]), as_index(index["count"])});
  }
  return out;
}

// 1-based columns of the design; 0 is the constant.
Rcpp::IntegerVector as_positions(const std::vector<miv::Index>& columns, miv::Index constant) {
  Rcpp::IntegerVector out(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) out[i] = static_cast<int>(columns[i] - constant + 1);
  return out;
}

Rcpp::List wrap_fit(const miv::Design& design, const miv::Factor& factor, const miv::TslsFit& fit, const miv::ToUser& user) {
  const miv::MatrixXd identity = miv::MatrixXd::Identity(fit.root.rows(), fit.root.rows());
  const double scale = factor.frame.scale[design.width() - 1];
  const miv::VectorXd coefficients = user.map * fit.coefficients + user.offset;
  return Rcpp::List::create(
    Rcpp::Named("n") = static_cast<double>(factor.n),
    Rcpp::Named("exogenous") = as_positions(fit.exogenous, design.constant()),
    Rcpp::Named("instruments") = as_positions(fit.instruments, design.constant()),
    Rcpp::Named("coefficients") = coefficients,
    Rcpp::Named("unscaled") = miv::sandwich(fit, user, identity),
    Rcpp::Named("outcome_scale") = scale,
    Rcpp::Named("rss") = fit.rss, Rcpp::Named("tss") = fit.tss,
    Rcpp::Named("first_stage") = miv::first_stage_coefficients(design, factor, fit),
    Rcpp::Named("instruments_on_controls") = miv::instruments_on_controls(design, factor, fit),
    Rcpp::Named("first_direction") = fit.first_direction, Rcpp::Named("first_rss") = fit.first_rss,
    Rcpp::Named("householder") = factor.path == miv::Path::kHouseholder,
    Rcpp::Named("smallest_pivot") = factor.triangle.smallest_pivot);
}

void add_adjusted(const miv::Design& design, const miv::Factor& factor, const miv::TslsFit& fit, const miv::ToUser& user, const Rcpp::List& request_list,
                  const miv::Workers& workers, Rcpp::List& out) {
  miv::AdjustRequest request;
  request.kind = static_cast<miv::Adjustment>(Rcpp::as<int>(request_list["adjust"]));
  request.heterogeneous = Rcpp::as<bool>(request_list["heterogeneous"]);
  request.clusters = as_groups(request_list["clusters"])[0];
  const miv::AdjustedMeats meats = miv::adjusted_meats(design, factor, fit, user, request, workers);
  Rcpp::List first;
  first.push_back(meats.first);
  out["covariances"] = Rcpp::List::create(miv::sandwich(fit, user, meats.second));
  out["first_meats"] = first;
  if (meats.df.size() > 0) out["satterthwaite"] = meats.df;
}

Rcpp::List wrap_sums(const miv::CellProblem& problem, const miv::CellSums& sums) {
  return Rcpp::List::create(Rcpp::Named("verdict") = 0, Rcpp::Named("people") = sums.people, Rcpp::Named("weight") = sums.weight, Rcpp::Named("q") = sums.q,
                            Rcpp::Named("belief") = sums.belief, Rcpp::Named("outcome") = sums.outcome, Rcpp::Named("q_belief") = sums.q_belief,
                            Rcpp::Named("q_outcome") = sums.q_outcome, Rcpp::Named("q_square") = sums.q_square,
                            Rcpp::Named("scales") = problem.level_frame.scale);
}

miv::MeatRequest as_meats(const Rcpp::List& request) {
  miv::MeatRequest out;
  out.row_weight = static_cast<miv::RowWeight>(Rcpp::as<int>(request["row_weight"]));
  out.heterogeneous = Rcpp::as<bool>(request["heterogeneous"]);
  out.clusters = as_groups(request["clusters"]);
  return out;
}

miv::DrawRequest as_draws(const Rcpp::List& request) {
  miv::DrawRequest out;
  out.draws = as_index(request["draws"]);
  out.seed = static_cast<std::uint64_t>(Rcpp::as<double>(request["seed"]));
  if (!Rf_isNull(request["units"])) out.units = as_groups(Rcpp::List::create(request["units"]))[0];
  return out;
}

const double* as_doubles(SEXP x) { return Rf_isNull(x) ? nullptr : REAL(x); }

std::vector<miv::Index> as_counts(SEXP x) {
  const std::vector<double> values = Rcpp::as<std::vector<double>>(x);
  return std::vector<miv::Index>(values.begin(), values.end());
}

miv::Assignment as_assignment(const Rcpp::List& drawn) {
  miv::Assignment out;
  out.units = as_index(drawn["units"]);
  out.arms = as_index(drawn["arms"]);
  out.first = as_counts(drawn["first"]);
  out.counts = as_counts(drawn["counts"]);
  out.probability = as_doubles(drawn["probability"]);
  return out;
}

miv::PermuteProblem as_permutation(const Rcpp::List& problem) {
  miv::PermuteProblem out;
  out.rows = as_index(problem["rows"]);
  out.controls = as_index(problem["controls"]);
  out.movers = as_index(problem["movers"]);
  out.moving_controls = as_index(problem["moving_controls"]);
  out.basis = as_doubles(problem["basis"]);
  out.outcome = as_doubles(problem["outcome"]);
  out.belief = as_doubles(problem["belief"]);
  out.start = as_doubles(problem["start"]);
  out.step = as_doubles(problem["step"]);
  out.root_weight = as_doubles(problem["root_weight"]);
  out.units = as_ids(problem["unit_of_row"]);
  out.observed = as_ids(problem["observed"]);
  out.groups = as_ids(problem["groups"]);
  out.n_groups = as_index(problem["n_groups"]);
  out.clusters = as_ids(problem["clusters"]);
  out.n_clusters = as_index(problem["n_clusters"]);
  out.share_strata = as_ids(problem["share_strata"]);
  out.n_share_strata = as_index(problem["n_share_strata"]);
  out.assignment = as_assignment(problem["drawn"]);
  return out;
}

// list(scheme, draws, seed, memory, blas)
miv::ResampleRequest as_draw_request(const Rcpp::List& request) {
  miv::ResampleRequest out;
  out.scheme = static_cast<miv::Scheme>(Rcpp::as<int>(request["scheme"]));
  out.draws = as_index(request["draws"]);
  out.seed = static_cast<std::uint64_t>(Rcpp::as<double>(request["seed"]));
  out.memory = Rcpp::as<double>(request["memory"]);
  if (Rcpp::as<bool>(request["blas"])) out.multiply = miv::multiply_on_blas;
  return out;
}

// With a function of R that hears the share done.
miv::Workers as_loud_workers(const Rcpp::List& request) {
  miv::Workers out = as_workers(request["threads"]);
  if (Rf_isNull(request["progress"])) return out;
  const Rcpp::Function tell = request["progress"];
  out.progress = [tell](double share) { tell(share); };
  return out;
}

miv::Groups as_units(SEXP units) { return Rf_isNull(units) ? miv::Groups() : as_groups(Rcpp::List::create(units))[0]; }

Rcpp::List wrap_report(const miv::DrawReport& report) {
  return Rcpp::List::create(Rcpp::Named("units") = static_cast<double>(report.units), Rcpp::Named("columns") = static_cast<double>(report.columns),
                            Rcpp::Named("stored") = report.stored, Rcpp::Named("blas") = report.multiplied_elsewhere, Rcpp::Named("flops") = report.flops,
                            Rcpp::Named("kernel") = miv::kernel_name());
}

// A design solved again; the fit that R has came from it, so that no verdict is left.
struct Solved {
  Solved(const Rcpp::List& design_list, const Rcpp::List& request, bool by_group, const miv::Workers& workers)
      : design(as_design(design_list)), units(as_units(request["units"])) {
    miv::check_design(design);
    if (units.ids && !by_group) taken = miv::frame_blocks_for(design, units);
    const bool take = units.ids && !by_group && miv::keeps_blocks(units.count, taken.width, taken.width);
    const auto make = [&](const miv::Design& d, const miv::Frame& frame, const miv::Workers& w) {
      return take ? miv::moments_and_blocks(d, frame, w, taken) : miv::compute_moments(d, frame, w);
    };
    factor = miv::factorise(design, Rcpp::as<miv::VectorXd>(request["reference"]), false, workers, make);
    fit = miv::solve_tsls(design, factor);
    if (fit.verdict != miv::Verdict::kOk) Rcpp::stop("the fit cannot be made again");
    user = miv::to_user(design, factor, fit);
  }
  miv::Design design;
  miv::Groups units;
  miv::FrameBlocks taken;  // by those units, in the same pass
  miv::Factor factor;
  miv::TslsFit fit;
  miv::ToUser user;
};

}  // namespace

// [[Rcpp::export(rng = false)]]
Rcpp::List tsls_cpp(Rcpp::List design_list, Rcpp::List request_list) {
  const miv::Design design = as_design(design_list);
  miv::check_design(design);
  const miv::Workers workers = as_workers(request_list["threads"]);
  const miv::VectorXd reference = Rcpp::as<miv::VectorXd>(request_list["reference"]);
  const miv::Factor factor = miv::factorise(design, reference, Rcpp::as<bool>(request_list["wide"]), workers);
  const miv::TslsFit fit = miv::solve_tsls(design, factor);
  if (fit.verdict != miv::Verdict::kOk)
    return Rcpp::List::create(Rcpp::Named("verdict") = static_cast<int>(fit.verdict), Rcpp::Named("culprit") = static_cast<int>(fit.culprit) + 1,
                              Rcpp::Named("n") = static_cast<double>(factor.n),
                              Rcpp::Named("instruments") = as_positions(fit.instruments, design.constant()),
                              Rcpp::Named("exogenous") = as_positions(fit.exogenous, design.constant()));
  const miv::ToUser user = miv::to_user(design, factor, fit);
  Rcpp::List out = wrap_fit(design, factor, fit, user);
  out["verdict"] = 0;
  if (!Rcpp::as<bool>(request_list["meat"])) return out;
  if (Rcpp::as<int>(request_list["adjust"]) > 0) {
    add_adjusted(design, factor, fit, user, request_list, workers, out);
    return out;
  }
  const miv::Meats meats = miv::compute_meats(design, factor, fit, as_meats(request_list), workers);
  Rcpp::List second, first;
  for (const miv::MatrixXd& meat : meats.second) second.push_back(miv::sandwich(fit, user, meat));
  for (const std::vector<miv::MatrixXd>& meat : meats.first) first.push_back(meat);
  out["covariances"] = second;
  out["first_meats"] = first;
  return out;
}

// Beliefs and error on the instruments, for tests that hold under weak ones; request as in tsls_cpp. `unit` is the size of one frame unit
// of each belief's coefficient in the user's.
// [[Rcpp::export(rng = false)]]
Rcpp::List anderson_rubin_cpp(Rcpp::List design_list, Rcpp::List request_list) {
  const miv::Design design = as_design(design_list);
  miv::check_design(design);
  const miv::Workers workers = as_workers(request_list["threads"]);
  const miv::Factor factor = miv::factorise(design, Rcpp::as<miv::VectorXd>(request_list["reference"]), Rcpp::as<bool>(request_list["wide"]), workers);
  const miv::TslsFit fit = miv::solve_tsls(design, factor);
  if (fit.verdict != miv::Verdict::kOk) return Rcpp::List::create(Rcpp::Named("verdict") = static_cast<int>(fit.verdict));
  const miv::ReducedForms forms = miv::reduced_forms(design, factor, fit, as_meats(request_list), Rcpp::as<bool>(request_list["whole_error"]), workers);
  const miv::ToUser user = miv::to_user(design, factor, fit);
  const miv::Index p = static_cast<miv::Index>(fit.beliefs.size());
  return Rcpp::List::create(Rcpp::Named("verdict") = 0, Rcpp::Named("n") = static_cast<double>(factor.n),
                            Rcpp::Named("exogenous") = static_cast<double>(fit.exogenous.size()), Rcpp::Named("directions") = forms.directions,
                            Rcpp::Named("left") = forms.left, Rcpp::Named("meats") = forms.meats,
                            Rcpp::Named("unit") = miv::VectorXd(user.map.diagonal().tail(p)));
}

// Sums by cell for the effect weights; request: list(ids, cells, threads, reference, levels, scores, dead, fitted, clusters, draws, seed,
// units); ids, dead and fitted by row of the design.
// [[Rcpp::export(rng = false)]]
Rcpp::List cell_weights_cpp(Rcpp::List design_list, Rcpp::List request) {
  const miv::Design design = as_design(design_list);
  miv::check_design(design);
  const miv::Workers workers = as_workers(request["threads"]);
  const miv::Factor factor = miv::factorise(design, Rcpp::as<miv::VectorXd>(request["reference"]), false, workers);
  const miv::TslsFit fit = miv::solve_tsls(design, factor);
  if (fit.verdict != miv::Verdict::kOk) return Rcpp::List::create(Rcpp::Named("verdict") = static_cast<int>(fit.verdict));
  const miv::Design levels = Rf_isNull(request["levels"]) ? miv::Design() : as_design(request["levels"]);
  const miv::CellProblem problem(design, levels.columns.empty() ? design : levels, factor, fit, as_ids(request["ids"]), as_index(request["cells"]));
  const bool scores = Rcpp::as<bool>(request["scores"]);
  const miv::CellSums sums = miv::cell_sums(problem, scores, workers);
  Rcpp::List out = wrap_sums(problem, sums);
  if (!scores) return out;
  miv::Influence influence = miv::cell_influence(problem, sums, Rcpp::as<std::vector<bool>>(request["dead"]), workers);
  if (!Rf_isNull(request["fitted"])) influence.fitted = REAL(request["fitted"]);
  Rcpp::List weights, effects;
  for (const miv::InfluenceMeat& meat : miv::influence_meats(problem, influence, as_groups(request["clusters"]), workers)) {
    weights.push_back(meat.weights);
    effects.push_back(meat.effects);
  }
  out["alive"] = influence.alive;
  out["weight_meats"] = weights;
  out["effect_meats"] = effects;
  out["instrument_root"] = problem.instrument_root;
  const miv::DrawRequest draws = as_draws(request);
  if (draws.draws > 0) out["draws"] = miv::draw_negative(problem, influence, draws, workers);
  return out;
}

// Total and share of the negative weight under normal cell weights.
// [[Rcpp::export(rng = false)]]
Eigen::MatrixXd draw_negative_cpp(Eigen::VectorXd weight, Eigen::MatrixXd covariance, double draws, double seed, int threads) {
  miv::DrawRequest request;
  request.draws = static_cast<miv::Index>(draws);
  request.seed = static_cast<std::uint64_t>(seed);
  return miv::draw_negative_normal(weight, covariance, request, as_workers(threads));
}

// Raw columns of the design for the kept rows.
// [[Rcpp::export(rng = false)]]
Eigen::MatrixXd dense_columns_cpp(Rcpp::List design_list) { return miv::dense_columns(as_design(design_list)); }

// [[Rcpp::export(rng = false)]]
Rcpp::List scan_columns_cpp(Rcpp::List columns, SEXP kept, double rows, int threads) {
  const miv::Scan scan = miv::scan_sources(as_sources(columns), static_cast<miv::Index>(rows), as_mask(kept), as_workers(threads));
  Rcpp::RObject mask = R_NilValue;
  if (!scan.kept.empty()) mask = Rcpp::RawVector(scan.kept.begin(), scan.kept.end());
  return Rcpp::List::create(Rcpp::Named("kept") = mask, Rcpp::Named("n_kept") = static_cast<double>(scan.n_kept),
                            Rcpp::Named("missing") = Rcpp::NumericVector(scan.missing.begin(), scan.missing.end()),
                            Rcpp::Named("infinite") = Rcpp::NumericVector(scan.infinite.begin(), scan.infinite.end()),
                            Rcpp::Named("minimum") = scan.minimum, Rcpp::Named("maximum") = scan.maximum);
}

// [[Rcpp::export(rng = false)]]
Rcpp::List index_clusters_cpp(Rcpp::List columns, SEXP kept, double rows) {
  const Rcpp::IntegerVector ids(Rcpp::no_init(static_cast<R_xlen_t>(rows)));
  const miv::ClusterCount index = miv::index_clusters(as_sources(columns), static_cast<miv::Index>(rows), as_mask(kept), INTEGER(ids));
  return Rcpp::List::create(Rcpp::Named("ids") = ids, Rcpp::Named("count") = static_cast<double>(index.count),
                            Rcpp::Named("missing") = static_cast<double>(index.missing));
}

// [[Rcpp::export(rng = false)]]
bool is_nested_cpp(Rcpp::List inner, Rcpp::List outer) {
  const Rcpp::IntegerVector ids = inner["ids"], others = outer["ids"];
  return miv::is_nested(ids.begin(), as_index(inner["count"]), others.begin(), ids.size());
}

// Arm counts and moments of a value by arm and side, from list(sources, gaps, rows, kept, weights, value).
// [[Rcpp::export(rng = false)]]
Rcpp::List count_arms_cpp(Rcpp::List people, int arm, std::vector<double> values) {
  miv::Design design;
  design.sources = as_sources(people["sources"]);
  design.gaps = as_gaps(people["gaps"]);
  design.rows = as_index(people["rows"]);
  design.kept = as_mask(people["kept"]);
  design.weights = {Rcpp::as<int>(people["weights"]), 1.0};
  const miv::ArmCounts counts = miv::count_arms(design, arm, values, Rcpp::as<int>(people["value"]));
  return Rcpp::List::create(Rcpp::Named("people") = Rcpp::NumericVector(counts.people.begin(), counts.people.end()),
                            Rcpp::Named("complete") = Rcpp::NumericVector(counts.complete.begin(), counts.complete.end()),
                            Rcpp::Named("sides") = Rcpp::NumericVector(counts.sides.begin(), counts.sides.end()),
                            Rcpp::Named("weight") = counts.weight, Rcpp::Named("mean") = counts.mean, Rcpp::Named("spread") = counts.spread);
}

// Weighted number of people by stratum and arm, from the same list.
// [[Rcpp::export(rng = false)]]
Eigen::MatrixXd arm_totals_cpp(Rcpp::List people, int arm, std::vector<double> values, SEXP strata, double n_strata) {
  miv::Design design;
  design.sources = as_sources(people["sources"]);
  design.rows = as_index(people["rows"]);
  design.kept = as_mask(people["kept"]);
  design.weights = {Rcpp::as<int>(people["weights"]), 1.0};
  return miv::arm_totals(design, arm, values, as_ids(strata), static_cast<miv::Index>(n_strata));
}

// Parts of the permutation statistic, the arms as they were first; request: list(draws, seed, threads, progress).
// [[Rcpp::export(rng = false)]]
Rcpp::List permute_cpp(Rcpp::List problem_list, Rcpp::List request_list) {
  const miv::PermuteProblem problem = as_permutation(problem_list);
  miv::PermuteRequest request;
  request.draws = as_index(request_list["draws"]);
  request.seed = static_cast<std::uint64_t>(Rcpp::as<double>(request_list["seed"]));
  const miv::MatrixXd parts = miv::permute(problem, request, as_loud_workers(request_list));
  return Rcpp::List::create(Rcpp::Named("parts") = parts, Rcpp::Named("work") = miv::permute_work(problem), Rcpp::Named("kernel") = miv::kernel_name());
}

// Arm of each unit (0: base) in draws first .. first + count - 1.
// [[Rcpp::export(rng = false)]]
Eigen::MatrixXi drawn_arms_cpp(Rcpp::List drawn, double seed, double first, double count) {
  return miv::drawn_arms(as_assignment(drawn), static_cast<std::uint64_t>(seed), static_cast<miv::Index>(first), static_cast<miv::Index>(count));
}

// The kernel that runs; tests ask for the portable one.
// [[Rcpp::export(rng = false)]]
std::string choose_kernel_cpp(bool portable) {
  miv::choose_kernel(portable ? miv::Kernel::kPortable : miv::Kernel::kBest);
  return miv::kernel_name();
}

// Draws of the coefficients, one row each; request: list(scheme, draws, seed, memory, blas, threads, progress, reference, units, by_group).
// [[Rcpp::export(rng = false)]]
Rcpp::List draw_coefficients_cpp(Rcpp::List design_list, Rcpp::List request) {
  const miv::Workers workers = as_loud_workers(request);
  const bool by_group = Rcpp::as<bool>(request["by_group"]);
  const Solved solved(design_list, request, by_group, workers);
  const miv::Drawn drawn = miv::draw_coefficients(solved.design, solved.factor, solved.fit, solved.user, solved.units, by_group, as_draw_request(request),
                                                  workers, solved.taken);
  return Rcpp::List::create(Rcpp::Named("draws") = drawn.values, Rcpp::Named("report") = wrap_report(drawn.report));
}

// Order statistics number low and high (1-based) of every column of finite draws, draws at most and at least the null, standard deviation: 5 x columns.
// [[Rcpp::export(rng = false)]]
Eigen::MatrixXd summarise_draws_cpp(Rcpp::NumericMatrix draws, double low, double high, Eigen::VectorXd nulls, int threads) {
  return miv::summarise_draws(draws.begin(), draws.nrow(), static_cast<miv::Index>(low) - 1, static_cast<miv::Index>(high) - 1, nulls, as_workers(threads));
}

// t* of the wild bootstrap at each null value of the belief's effect, in the user's units: draws x nulls, and t itself.
// [[Rcpp::export(rng = false)]]
Rcpp::List draw_wild_cpp(Rcpp::List design_list, Rcpp::List request, Eigen::VectorXd nulls) {
  const miv::Workers workers = as_loud_workers(request);
  const Solved solved(design_list, request, false, workers);
  const miv::Index belief = solved.user.map.rows() - 1;
  const miv::WildDrawn drawn = miv::draw_wild(solved.design, solved.factor, solved.fit, solved.units, nulls / solved.user.map(belief, belief),
                                              as_draw_request(request), workers, solved.taken);
  return Rcpp::List::create(Rcpp::Named("draws") = drawn.values, Rcpp::Named("observed") = drawn.observed, Rcpp::Named("report") = wrap_report(drawn.report));
}

// Multiplications and additions a second of one thread.
// [[Rcpp::export(rng = false)]]
double measure_rate_cpp() { return miv::measure_rate(); }

// Weights of the units in each draw, units x draws: for tests and for those who want to see them.
// [[Rcpp::export(rng = false)]]
Eigen::MatrixXd unit_weights_cpp(int scheme, double units, double draws, double seed) {
  miv::UnitWeights weights(static_cast<miv::Scheme>(scheme), static_cast<miv::Index>(units), static_cast<std::uint64_t>(seed));
  return miv::draw_matrix(weights, static_cast<miv::Index>(units), static_cast<miv::Index>(draws));
}
