// The loops where the time goes, on column-major tiles of kTileRows rows. Compiled three times on x86-64 (portable, AVX2, AVX-512);
// all add in the same order and never contract a multiplication and an addition, so they give the same digits.
#ifndef MIV_CORE_KERNELS_H
#define MIV_CORE_KERNELS_H

#include "types.h"

namespace miv {

enum class Kernel { kBest, kPortable, kAvx2 };

// Which kernels run from now on; false (and no change) where the machine has them not. Tests compare them.
bool choose_kernel(Kernel kernel);
const char* kernel_name();
int kernel_lanes();  // doubles in a vector: 2, 4 or 8
bool uses_avx2();

// Where kTileRows numbers lie that are wanted next; a kernel that has no other use for the memory calls them in.
struct Ahead {
  const double* const* rows = nullptr;
  Index count = 0;
};

// Upper triangle of tile' tile added to `cross` (column-major, columns x columns); columns is even.
void add_gram(const double* tile, Index columns, double* cross, const Ahead& ahead = Ahead());

// out column j = sum over i <= last(j) of tile column i * factor(i, j); last(j) = j + lag, at most inputs - 1.
void combine(const double* tile, Index inputs, const double* factor, Index outputs, Index lag, double* out);

// out column j = column j times `by`, row by row; out may be columns.
void multiply(const double* columns, Index count, const double* by, double* out);

double sum_of_squares(const double* column);

// out = (values - shift) * scale.
void place(const double* values, double shift, double scale, double* out);

// Sign of each gap; 1 where a value equals, 0 where not. Missing and infinite values become NaN.
void sides(const double* gap, double* out);
void equals(const double* values, double value, double* out);

// out = from - what; out may be either.
void subtract(const double* from, const double* what, double* out);

// R's integers as doubles, missing ones as NaN.
void convert_integers(const int* values, double* out);

// Sum of weights times values in single precision, eight sums side by side; n is a multiple of 8.
double weighted_sum(const float* weights, const float* values, Index n);

}  // namespace miv

#endif
