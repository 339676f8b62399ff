#include "kernels.h"

#include <algorithm>
#include <utility>

#include "instruction_sets.h"

namespace miv {

namespace {

struct Kernels {
  const char* name;
  int lanes;
  void (*add_gram)(const double*, Index, double*, const Ahead&);
  void (*combine)(const double*, Index, const double*, Index, Index, double*);
  void (*multiply)(const double*, Index, const double*, double*);
  double (*sum_of_squares)(const double*);
  void (*place)(const double*, double, double, double*);
  void (*sides)(const double*, double*);
  void (*equals)(const double*, double, double*);
  void (*subtract)(const double*, const double*, double*);
  void (*convert_integers)(const int*, double*);
  double (*weighted_sum)(const float*, const float*, Index);
};

#define MIV_LOOPS "kernel_loops.h"
#include "three_ways.h"

// The kernels asked for, or null where the machine has them not.
const Kernels* find(Kernel kernel) {
#if MIV_X86
  __builtin_cpu_init();
  const bool has_avx2 = __builtin_cpu_supports("avx2"), has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
  if (kernel == Kernel::kAvx2) return has_avx2 ? &avx2::kTable : nullptr;
  if (kernel == Kernel::kBest && has_avx512) return &avx512::kTable;
  if (kernel == Kernel::kBest && has_avx2) return &avx2::kTable;
#else
  if (kernel == Kernel::kAvx2) return nullptr;
#endif
  return &portable::kTable;
}

const Kernels*& chosen() {
  static const Kernels* table = find(Kernel::kBest);
  return table;
}

}  // namespace

bool choose_kernel(Kernel kernel) {
  const Kernels* table = find(kernel);
  if (table) chosen() = table;
  return table != nullptr;
}

const char* kernel_name() { return chosen()->name; }

int kernel_lanes() { return chosen()->lanes; }

bool uses_avx2() { return chosen() != &portable::kTable; }

void add_gram(const double* tile, Index columns, double* cross, const Ahead& ahead) { chosen()->add_gram(tile, columns, cross, ahead); }

void combine(const double* tile, Index inputs, const double* factor, Index outputs, Index lag, double* out) {
  chosen()->combine(tile, inputs, factor, outputs, lag, out);
}

void multiply(const double* columns, Index count, const double* by, double* out) { chosen()->multiply(columns, count, by, out); }

double sum_of_squares(const double* column) { return chosen()->sum_of_squares(column); }

void place(const double* values, double shift, double scale, double* out) { chosen()->place(values, shift, scale, out); }

void sides(const double* gap, double* out) { chosen()->sides(gap, out); }

void equals(const double* values, double value, double* out) { chosen()->equals(values, value, out); }

void subtract(const double* from, const double* what, double* out) { chosen()->subtract(from, what, out); }

void convert_integers(const int* values, double* out) { chosen()->convert_integers(values, out); }

double weighted_sum(const float* weights, const float* values, Index n) { return chosen()->weighted_sum(weights, values, n); }

}  // namespace miv
