#include <cmath>
#include <cstdio>

#include <gtest/gtest.h>

#include "ai/embedding_provider.h"
#include "reference/reference.h"

namespace lakehouse::ai {
namespace {

TEST(EmbeddedProviderTest, VectorsAreThoseOfTheReference) {
  const auto provider = OpenEmbeddedProvider(AiConfig());
  ASSERT_TRUE(provider.ok()) << provider.status().ToString();
  const std::vector<std::string> texts = lakehouse::testing::ReferenceTexts();
  const std::vector<std::vector<float>> expected = lakehouse::testing::ReferenceVectors(384);
  ASSERT_EQ(texts.size(), 1000U);
  ASSERT_EQ(expected.size(), texts.size());
  const auto results = (*provider)->Embed(texts, Role::kDocument, CancelToken());
  ASSERT_TRUE(results.ok()) << results.status().ToString();
  double minimum = 1;
  for (size_t i = 0; i < texts.size(); ++i) {
    ASSERT_TRUE((*results)[i].ok());
    double dot = 0, a = 0, b = 0;
    for (size_t k = 0; k < 384; ++k) {
      const double x = (*(*results)[i])[k], y = expected[i][k];
      dot += x * y;
      a += x * x;
      b += y * y;
    }
    const double cosine = dot / std::sqrt(a * b);
    EXPECT_GE(cosine, 0.9999) << "line " << i + 1;
    minimum = std::min(minimum, cosine);
  }
  std::printf("minimum cosine over %zu texts: %.9f\n", texts.size(), minimum);
}

}  // namespace
}  // namespace lakehouse::ai
