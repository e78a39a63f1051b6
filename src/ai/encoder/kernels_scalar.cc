#include "ai/encoder/kernels_attention.h"
#include "ai/encoder/kernels_body.h"

namespace lakehouse::ai {
namespace {

// One float; the compiler vectorises some loops for the base instruction set.
struct Vector {
  using Reg = float;
  static constexpr size_t kLanes = 1;
  static constexpr size_t kQueryRows = 4;

  static Reg Load(const float* from) { return *from; }
  static void Store(float* to, Reg a) { *to = a; }
  static Reg Set(float a) { return a; }
  static Reg Add(Reg a, Reg b) { return a + b; }
  static Reg Sub(Reg a, Reg b) { return a - b; }
  static Reg Mul(Reg a, Reg b) { return a * b; }
  static Reg Div(Reg a, Reg b) { return a / b; }
  static Reg Fma(Reg a, Reg b, Reg c) { return a * b + c; }
  static Reg Min(Reg a, Reg b) { return a < b ? a : b; }
  static Reg Max(Reg a, Reg b) { return a > b ? a : b; }
  static Reg Round(Reg a) { return __builtin_rintf(a); }
  static Reg ScaleByPowerOf2(Reg a, Reg n) {
    return a * __builtin_bit_cast(float, (static_cast<int>(n) + 127) << 23);
  }
  static float Sum(Reg a) { return a; }
  static float Maximum(Reg a) { return a; }
};

bool Supported() { return true; }

}  // namespace

constexpr EncoderKernels kScalarEncoderKernels = {
    .name = "scalar",
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
