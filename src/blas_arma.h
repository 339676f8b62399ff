// A product for core/product.h (`Multiply`) on R's BLAS; nothing of Armadillo or Eigen may stand here.
#ifndef MIV_BLAS_ARMA_H
#define MIV_BLAS_ARMA_H

#include <cstddef>

namespace miv {

void multiply_on_blas(const double* b, std::ptrdiff_t stride, const double* w, std::ptrdiff_t reps, std::ptrdiff_t units, double* c);

}  // namespace miv

#endif
