// Whether loops are compiled for AVX2 and AVX-512 beside the portable ones; which of them runs is decided at run time.
#ifndef MIV_CORE_INSTRUCTION_SETS_H
#define MIV_CORE_INSTRUCTION_SETS_H

#if defined(__x86_64__) && defined(__GNUC__)
#define MIV_X86 1
#else
#define MIV_X86 0
#endif

#endif
