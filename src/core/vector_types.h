// Vectors of one instruction set, for the loops that are compiled once for each (see kernel_loops.h): included inside a namespace with
//   MIV_LANES   doubles in a vector: 2, 4 or 8
//   MIV_TARGET  what the compiler may use
// and followed, at the end of the loops, by vector_end.h. Vectors go by reference, so that no calling convention depends on the instruction set.

#define MIV_INLINE inline __attribute__((always_inline)) MIV_TARGET

constexpr Index kLanes = MIV_LANES;

typedef double Vector __attribute__((vector_size(8 * MIV_LANES)));
typedef double Memory __attribute__((vector_size(8 * MIV_LANES), aligned(8), may_alias));
typedef long long Bits __attribute__((vector_size(8 * MIV_LANES)));
typedef int Ints __attribute__((vector_size(4 * MIV_LANES), aligned(4), may_alias));
typedef float Floats __attribute__((vector_size(32), aligned(4), may_alias));

MIV_INLINE const Memory& at(const double* p) { return *reinterpret_cast<const Memory*>(p); }

MIV_INLINE Memory& to(double* p) { return *reinterpret_cast<Memory*>(p); }

// sum += a * b, with the product rounded first: no compiler melts the two where the instruction set could.
MIV_INLINE void add_product(const Memory& a, const Memory& b, Vector& sum) {
  Vector product = a * b;
#if MIV_LANES == 8
  __asm__("" : "+v"(product));
#endif
  sum += product;
}

// sum += weight * a, likewise.
MIV_INLINE void add_scaled(double weight, const Memory& a, Vector& sum) {
  Vector product = a * weight;
#if MIV_LANES == 8
  __asm__("" : "+v"(product));
#endif
  sum += product;
}

