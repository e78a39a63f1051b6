// The algorithms behind EncoderKernels, written over a vector type. Included by one file per
// instruction set; everything is in an unnamed namespace, so that code compiled for one set is
// never linked into another, and no header with inline functions of its own comes in.
//
// A vector type V has kLanes, kQueryRows (rows of attention that its registers hold), Reg, and the
// operations used below; Fma(a, b, c) is a * b + c.
#pragma once

#include <cstddef>

#include "ai/encoder/kernels.h"

namespace lakehouse::ai {
namespace {
namespace kernels_body {

// e^x for x up to 88; below -87 the result is that at -87, about 1e-38. Relative error 1e-7: the
// Taylor polynomial of degree 7 on [-ln 2 / 2, ln 2 / 2].
template <typename V>
typename V::Reg Exp(typename V::Reg x) {
  x = V::Min(V::Max(x, V::Set(-87.0F)), V::Set(88.0F));
  const typename V::Reg n = V::Round(V::Mul(x, V::Set(1.44269504F)));
  // ln 2 in two parts, so that the remainder is exact to the last bit.
  typename V::Reg r = V::Fma(n, V::Set(-0.693359375F), x);
  r = V::Fma(n, V::Set(2.12194440e-4F), r);
  typename V::Reg p = V::Set(1.0F / 5040);
  p = V::Fma(p, r, V::Set(1.0F / 720));
  p = V::Fma(p, r, V::Set(1.0F / 120));
  p = V::Fma(p, r, V::Set(1.0F / 24));
  p = V::Fma(p, r, V::Set(1.0F / 6));
  p = V::Fma(p, r, V::Set(0.5F));
  p = V::Fma(p, r, V::Set(1.0F));
  p = V::Fma(p, r, V::Set(1.0F));
  return V::ScaleByPowerOf2(p, n);
}

// The error function as x * P(x^2) / Q(x^2), a minimax fit on [-3.9, 3.9], beyond which it is 1 to
// single precision. Absolute error 4e-7.
template <typename V>
typename V::Reg Erf(typename V::Reg x) {
  x = V::Min(V::Max(x, V::Set(-3.9F)), V::Set(3.9F));
  const typename V::Reg s = V::Mul(x, x);
  typename V::Reg p = V::Set(2.05039077627589e-06F);
  p = V::Fma(p, s, V::Set(0.00028745620511472225F));
  p = V::Fma(p, s, V::Set(0.0038368406239897013F));
  p = V::Fma(p, s, V::Set(0.05296681076288223F));
  p = V::Fma(p, s, V::Set(0.19194021821022034F));
  p = V::Fma(p, s, V::Set(1.128378987312317F));
  typename V::Reg q = V::Set(3.823072256636806e-05F);
  q = V::Fma(q, s, V::Set(0.0011817252961918712F));
  q = V::Fma(q, s, V::Set(0.015109134837985039F));
  q = V::Fma(q, s, V::Set(0.11475787311792374F));
  q = V::Fma(q, s, V::Set(0.5034343600273132F));
  q = V::Fma(q, s, V::Set(1.0F));
  return V::Div(V::Mul(x, p), q);
}

template <typename V>
void GeluErf(float* values, size_t count) {
  for (size_t i = 0; i < count; i += V::kLanes) {
    const typename V::Reg x = V::Load(values + i);
    const typename V::Reg half = V::Mul(x, V::Set(0.5F));
    V::Store(values + i, V::Fma(half, Erf<V>(V::Mul(x, V::Set(0.70710678F))), half));
  }
}

// x / (1 + e^(-2 y)) equals 0.5 x (1 + tanh y).
template <typename V>
void GeluTanh(float* values, size_t count) {
  for (size_t i = 0; i < count; i += V::kLanes) {
    const typename V::Reg x = V::Load(values + i);
    const typename V::Reg cube = V::Mul(V::Mul(x, x), x);
    const typename V::Reg y = V::Mul(V::Set(0.7978845608F), V::Fma(cube, V::Set(0.044715F), x));
    const typename V::Reg denominator = V::Add(V::Set(1.0F), Exp<V>(V::Mul(y, V::Set(-2.0F))));
    V::Store(values + i, V::Div(x, denominator));
  }
}

template <typename V>
void SwiGlu(float* values, size_t rows, size_t width) {
  for (size_t r = 0; r < rows; ++r) {
    const float* x = values + 2 * r * width;
    float* out = values + r * width;
    for (size_t i = 0; i < width; i += V::kLanes) {
      const typename V::Reg y = V::Load(x + width + i);
      const typename V::Reg denominator = V::Add(V::Set(1.0F), Exp<V>(V::Sub(V::Set(0), y)));
      V::Store(out + i, V::Div(V::Mul(V::Load(x + i), y), denominator));
    }
  }
}

template <typename V>
void AddLayerNorm(const LayerNormInput& input) {
  const size_t width = input.width;
  const float inverse_width = 1.0F / static_cast<float>(width);
  for (size_t r = 0; r < input.rows; ++r) {
    float* row = input.row + r * input.stride;
    typename V::Reg sum = V::Set(0);
    if (input.residual == nullptr) {
      for (size_t i = 0; i < width; i += V::kLanes) sum = V::Add(sum, V::Load(row + i));
    } else {
      const float* residual = input.residual + r * input.stride;
      for (size_t i = 0; i < width; i += V::kLanes) {
        const typename V::Reg x = V::Add(V::Load(row + i), V::Load(residual + i));
        V::Store(row + i, x);
        sum = V::Add(sum, x);
      }
    }
    const typename V::Reg mean = V::Set(V::Sum(sum) * inverse_width);
    typename V::Reg squares = V::Set(0);
    for (size_t i = 0; i < width; i += V::kLanes) {
      const typename V::Reg deviation = V::Sub(V::Load(row + i), mean);
      squares = V::Fma(deviation, deviation, squares);
    }
    const float variance = V::Sum(squares) * inverse_width;
    const typename V::Reg scale = V::Set(1.0F / __builtin_sqrtf(variance + input.epsilon));
    for (size_t i = 0; i < width; i += V::kLanes) {
      const typename V::Reg deviation = V::Mul(V::Sub(V::Load(row + i), mean), scale);
      V::Store(row + i, V::Fma(deviation, V::Load(input.gamma + i), V::Load(input.beta + i)));
    }
  }
}

template <typename V>
void MultiplyVector(const VectorProduct& product) {
  size_t o = 0;
  for (; o + V::kLanes <= product.outputs; o += V::kLanes) {
    typename V::Reg sum = V::Load(product.bias + o);
    const float* weight = product.weights + o;
    for (size_t i = 0; i < product.inputs; ++i, weight += product.outputs) {
      sum = V::Fma(V::Set(product.x[i]), V::Load(weight), sum);
    }
    V::Store(product.y + o, sum);
  }
  for (; o < product.outputs; ++o) {
    float sum = product.bias[o];
    for (size_t i = 0; i < product.inputs; ++i) {
      sum += product.x[i] * product.weights[i * product.outputs + o];
    }
    product.y[o] = sum;
  }
}

}  // namespace kernels_body
}  // namespace
}  // namespace lakehouse::ai
