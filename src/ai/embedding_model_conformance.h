// The tests that every implementation of EmbeddingModel must pass. A model joins by instantiating
// the suite in its own test file:
//
//   INSTANTIATE_TEST_SUITE_P(Embedded, EmbeddingModelConformance,
//                            ::testing::Values(&OpenSmallModel));
//
// or, where a model may do less than that, with an EmbeddingModelUnderTest. The model must tell
// apart texts of the words "river", "nurse" and "night".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "ai/embedding_model.h"

namespace lakehouse::ai {

// Opens a model that works; null, and a test failure, when it cannot. What the model needs, its
// directory or its server, lives as long as the pointer.
using EmbeddingModelFactory = std::shared_ptr<EmbeddingModel> (*)();

// A model and what may be demanded of it.
struct EmbeddingModelUnderTest {
  EmbeddingModelUnderTest(EmbeddingModelFactory factory)  // NOLINT(google-explicit-constructor)
      : make(factory) {}
  EmbeddingModelUnderTest(EmbeddingModelFactory factory, bool exact, bool empty_text)
      : make(factory), is_exact(exact), takes_empty_text(empty_text) {}

  EmbeddingModelFactory make;
  // A text has the same vector bit for bit in every call; else a cosine of at least 0.999.
  bool is_exact = true;
  // False: the model refuses a text without tokens, alone and as kInvalidArgument.
  bool takes_empty_text = true;
};

class EmbeddingModelConformance : public ::testing::TestWithParam<EmbeddingModelUnderTest> {
 protected:
  using Vector = std::vector<float>;

  void SetUp() override;

  // Embeds and expects one well-formed vector per text.
  std::vector<Vector> EmbedAll(const std::vector<std::string>& texts,
                               const EmbedOptions& options = {});
  // Expects dimensions() finite floats, of length 1 where the space says so.
  void ExpectWellFormed(const Vector& vector);
  void ExpectSame(const Vector& a, const Vector& b);
  void ExpectDifferent(const Vector& a, const Vector& b);

  std::shared_ptr<EmbeddingModel> model_;
};

}  // namespace lakehouse::ai
