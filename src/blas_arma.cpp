// The one Armadillo file: a matrix product on the BLAS that R is linked to.
#include <RcppArmadillo.h>

#include "blas_arma.h"

namespace miv {

void multiply_on_blas(const double* b, std::ptrdiff_t stride, const double* w, std::ptrdiff_t reps, std::ptrdiff_t units, double* c) {
  const auto size = [](std::ptrdiff_t n) { return static_cast<arma::uword>(n); };
  const arma::mat left(const_cast<double*>(b), size(stride), size(units), false, true);
  const arma::mat right(const_cast<double*>(w), size(reps), size(units), false, true);
  arma::mat out(c, size(stride), size(reps), false, true);
  out += left * right.t();
}

}  // namespace miv
