// GCC 12 takes its own undefined vectors for mistakes (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include <immintrin.h>

#include "ai/encoder/kernels_attention.h"
#include "ai/encoder/kernels_body.h"
#include "ai/encoder/narrow_kernels.h"

namespace lakehouse::ai {
namespace {

// Sixteen floats.
struct Vector {
  using Reg = __m512;
  static constexpr size_t kLanes = 16;
  static constexpr size_t kQueryRows = 8;

  static Reg Load(const float* from) { return _mm512_loadu_ps(from); }
  static void Store(float* to, Reg a) { _mm512_storeu_ps(to, a); }
  static Reg Set(float a) { return _mm512_set1_ps(a); }
  static Reg Add(Reg a, Reg b) { return _mm512_add_ps(a, b); }
  static Reg Sub(Reg a, Reg b) { return _mm512_sub_ps(a, b); }
  static Reg Mul(Reg a, Reg b) { return _mm512_mul_ps(a, b); }
  static Reg Div(Reg a, Reg b) { return _mm512_div_ps(a, b); }
  static Reg Fma(Reg a, Reg b, Reg c) { return _mm512_fmadd_ps(a, b, c); }
  static Reg Min(Reg a, Reg b) { return _mm512_min_ps(a, b); }
  static Reg Max(Reg a, Reg b) { return _mm512_max_ps(a, b); }
  static Reg Round(Reg a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static Reg ScaleByPowerOf2(Reg a, Reg n) { return _mm512_scalef_ps(a, n); }
  static float Sum(Reg a) { return _mm512_reduce_add_ps(a); }
  static float Maximum(Reg a) { return _mm512_reduce_max_ps(a); }
};

bool Supported() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("fma");
}

}  // namespace

constexpr EncoderKernels kAvx512EncoderKernels = {
    .name = "avx512",
    .supported = Supported,
    .add_layer_norm = kernels_body::AddLayerNorm<Vector>,
    .gelu_erf = kernels_body::GeluErf<Vector>,
    .gelu_tanh = kernels_body::GeluTanh<Vector>,
    .swiglu = kernels_body::SwiGlu<Vector>,
    .attention = kernels_body::Attention<Vector>,
    .multiply_vector = kernels_body::MultiplyVector<Vector>,
    .narrow = &kAvx512NarrowKernels,
};

}  // namespace lakehouse::ai
