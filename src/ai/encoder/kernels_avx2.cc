#include <immintrin.h>

#include "ai/encoder/kernels_attention.h"
#include "ai/encoder/kernels_body.h"

namespace lakehouse::ai {
namespace {

// Eight floats.
struct Vector {
  using Reg = __m256;
  static constexpr size_t kLanes = 8;
  static constexpr size_t kQueryRows = 4;

  static Reg Load(const float* from) { return _mm256_loadu_ps(from); }
  static void Store(float* to, Reg a) { _mm256_storeu_ps(to, a); }
  static Reg Set(float a) { return _mm256_set1_ps(a); }
  static Reg Add(Reg a, Reg b) { return _mm256_add_ps(a, b); }
  static Reg Sub(Reg a, Reg b) { return _mm256_sub_ps(a, b); }
  static Reg Mul(Reg a, Reg b) { return _mm256_mul_ps(a, b); }
  static Reg Div(Reg a, Reg b) { return _mm256_div_ps(a, b); }
  static Reg Fma(Reg a, Reg b, Reg c) { return _mm256_fmadd_ps(a, b, c); }
  static Reg Min(Reg a, Reg b) { return _mm256_min_ps(a, b); }
  static Reg Max(Reg a, Reg b) { return _mm256_max_ps(a, b); }
  static Reg Round(Reg a) {
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static Reg ScaleByPowerOf2(Reg a, Reg n) {
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
  }
  static float Sum(Reg a) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  static float Maximum(Reg a) {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
};

bool Supported() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

}  // namespace

constexpr EncoderKernels kAvx2EncoderKernels = {
    .name = "avx2",
    .supported = Supported,
    .add_layer_norm = kernels_body::AddLayerNorm<Vector>,
    .gelu_erf = kernels_body::GeluErf<Vector>,
    .gelu_tanh = kernels_body::GeluTanh<Vector>,
    .swiglu = kernels_body::SwiGlu<Vector>,
    .attention = kernels_body::Attention<Vector>,
    .multiply_vector = kernels_body::MultiplyVector<Vector>,
    .narrow = nullptr,
};

}  // namespace lakehouse::ai
