// What the model routes answer, with models that do as they are told.
#include <gtest/gtest.h>

#include "gateway/fake_services.h"

namespace lakehouse::gateway {
namespace {

// Answers each text with (its length, 0.5); the text "bad" fails.
class LengthModel : public ai::EmbeddingModel {
 public:
  LengthModel() {
    space_.provider = "test";
    space_.model = "length";
    space_.dimensions = 2;
  }
  const ai::EmbeddingSpace& space() const override { return space_; }
  Result<ai::Embeddings> Embed(std::span<const std::string> texts,
                               const ai::EmbedOptions& options) override {
    last_role = options.role;
    ai::Embeddings answers;
    for (const std::string& text : texts) {
      if (text == "bad") {
        answers.emplace_back(InvalidArgument("this text is bad"));
      } else if (text == "broken") {
        answers.emplace_back(Internal("the stack is at /secret/path"));
      } else {
        answers.emplace_back(std::vector<float>{static_cast<float>(text.size()), 0.5F});
      }
    }
    return answers;
  }
  size_t CountTokens(std::string_view text) const override { return text.size(); }
  Status CheckIdentity(const CancelToken&) override { return OkStatus(); }

  ai::Role last_role = ai::Role::kDocument;

 private:
  ai::EmbeddingSpace space_;
};

// Scores a document by its length; "bad" fails.
class LengthReranker : public ai::Reranker {
 public:
  const std::string& name() const override { return name_; }
  Result<std::vector<Result<float>>> Score(const std::string&,
                                           std::span<const std::string> documents,
                                           const CancelToken&) override {
    std::vector<Result<float>> scores;
    for (const std::string& document : documents) {
      if (document == "bad") {
        scores.emplace_back(InvalidArgument("this document is bad"));
      } else {
        scores.emplace_back(static_cast<float>(document.size()));
      }
    }
    return scores;
  }

 private:
  const std::string name_ = "length";
};

class AiRoutesTest : public ::testing::Test {
 protected:
  AiRoutesTest() {
    services_.models.on_get = [this](const std::string& name) -> FakeModels::Opened {
      if (name == "missing") return NotFound("model \"missing\" is not in the configuration");
      return model_;
    };
    services_.models.on_get_reranker = [](const std::string&) {
      return std::make_shared<LengthReranker>();
    };
  }

  net::Response Post(const std::string& path, const std::string& body) {
    net::Request request;
    request.method = net::Method::kPost;
    request.path = path;
    request.request_id = "request-1";
    request.headers.Set("Content-Type", "application/json");
    request.body = std::make_unique<StringSource>(body);
    net::Response response = services_.gateway->Handle(request);
    if (response.stream) {
      std::string streamed;
      stream_status_ = response.stream([&](std::string_view bytes) {
        streamed += bytes;
        return write_status_;
      });
      response.body = streamed;
    }
    return response;
  }
  Json PostJson(const std::string& path, const std::string& body, int expected_status) {
    const net::Response response = Post(path, body);
    EXPECT_EQ(response.status, expected_status) << response.body;
    const Result<Json> json = ParseJson(response.body);
    EXPECT_TRUE(json.ok()) << response.body;
    return json.ok() ? *json : Json();
  }

  FakeServices services_;
  std::shared_ptr<LengthModel> model_ = std::make_shared<LengthModel>();
  Status stream_status_;
  Status write_status_;
};

TEST_F(AiRoutesTest, EmbedAnswersEachTextInItsPlace) {
  const Json answer =
      PostJson("/ai/embed", R"({"texts": ["four", "bad", "broken", ""], "role": "query"})", 200);
  const Json& items = answer["embeddings"];
  ASSERT_EQ(items.size(), 4U);
  EXPECT_EQ(items[0]["embedding"], Json({4.0, 0.5}));
  EXPECT_EQ(items[1]["error"]["code"], "invalid_argument");
  EXPECT_EQ(items[1]["error"]["detail"], "this text is bad");
  EXPECT_EQ(items[2]["error"]["code"], "internal");
  EXPECT_EQ(items[2]["error"]["detail"].get<std::string>().find("/secret"), std::string::npos);
  EXPECT_EQ(items[3]["embedding"], Json({0.0, 0.5}));
  EXPECT_EQ(answer["model"], "length");
  EXPECT_EQ(answer["dimensions"], 2);
  EXPECT_EQ(model_->last_role, ai::Role::kQuery);
}

TEST_F(AiRoutesTest, EmbedRefusesWhatIsNoRequest) {
  for (const char* body : {"{}", R"({"texts": []})", R"({"text": "a", "texts": ["b"]})",
                           R"({"texts": [1]})", R"({"texts": {"a": "b"}})",
                           R"({"text": "a", "role": "poet"})", R"({"text": "a", "modle": "x"})"}) {
    EXPECT_EQ(PostJson("/ai/embed", body, 400)["code"], "invalid_argument") << body;
  }
  EXPECT_EQ(PostJson("/ai/embed", R"({"text": "a", "model": "missing"})", 404)["code"],
            "not_found");
}

TEST_F(AiRoutesTest, RerankAnswersTheBestFirstAndFailuresLast) {
  const Json answer =
      PostJson("/ai/rerank",
               R"({"model": "length", "query": "q", "documents": ["a", "bad", "ccc", "bb"],
          "return_documents": true})",
               200);
  std::vector<int> order;
  for (const Json& item : answer["results"]) order.push_back(item["index"]);
  EXPECT_EQ(order, (std::vector<int>{2, 3, 0, 1}));
  EXPECT_EQ(answer["results"][0]["relevance_score"], 3.0);
  EXPECT_EQ(answer["results"][0]["document"], "ccc");
  EXPECT_EQ(answer["results"][3]["error"]["code"], "invalid_argument");
  const Json top = PostJson("/ai/rerank",
                            R"({"model": "length", "query": "q", "documents": ["a", "bb"],
                                "top_n": 1})",
                            200);
  ASSERT_EQ(top["results"].size(), 1U);
  EXPECT_EQ(top["results"][0]["index"], 1);
}

TEST_F(AiRoutesTest, RerankWithoutAModelSaysWhichSettingIsMissing) {
  const Json problem = PostJson("/ai/rerank", R"({"query": "q", "documents": ["a"]})", 400);
  EXPECT_NE(problem["detail"].get<std::string>().find("ai.rerank_model"), std::string::npos);
}

TEST_F(AiRoutesTest, GenerateStreamsPiecesAndThenTheWhole) {
  services_.models.generator_name = "writer";
  services_.models.on_generate = [](const ai::GenerateRequest& request,
                                    const ai::GenerateSink& sink) -> Result<ai::GenerateAnswer> {
    EXPECT_EQ(request.messages.size(), 2U);
    EXPECT_EQ(request.messages[0].role, "system");
    TRY(sink("line\none"));
    TRY(sink(" two"));
    return ai::GenerateAnswer{.text = "line\none two", .finish_reason = "stop"};
  };
  const net::Response response =
      Post("/ai/generate", R"({"prompt": "hi", "system": "be kind", "stream": true})");
  EXPECT_EQ(response.headers.Get("Content-Type"), "text/event-stream");
  EXPECT_TRUE(
      response.body.starts_with("event: piece\ndata: {\"text\":\"line\\none\"}\n\n"
                                "event: piece\ndata: {\"text\":\" two\"}\n\nevent: done\ndata: {"))
      << response.body;
}

TEST_F(AiRoutesTest, GenerateStreamsAnErrorWithoutInternalText) {
  services_.models.generator_name = "writer";
  services_.models.on_generate = [](const ai::GenerateRequest&,
                                    const ai::GenerateSink& sink) -> Result<ai::GenerateAnswer> {
    TRY(sink("half"));
    return Internal("the stack is at /secret/path");
  };
  const net::Response response = Post("/ai/generate", R"({"prompt": "hi", "stream": true})");
  EXPECT_NE(response.body.find("event: error\ndata: {\"code\":\"internal\""), std::string::npos)
      << response.body;
  EXPECT_EQ(response.body.find("/secret"), std::string::npos);
}

TEST_F(AiRoutesTest, AClientThatLeavesStopsTheGeneration) {
  services_.models.generator_name = "writer";
  int pieces = 0;
  services_.models.on_generate = [&](const ai::GenerateRequest&,
                                     const ai::GenerateSink& sink) -> Result<ai::GenerateAnswer> {
    for (;;) {
      ++pieces;
      TRY(sink("more"));
    }
  };
  write_status_ = Unavailable("the client is gone");
  Post("/ai/generate", R"({"prompt": "hi", "stream": true})");
  EXPECT_EQ(pieces, 1);
  EXPECT_EQ(stream_status_.code(), StatusCode::kUnavailable);
}

TEST_F(AiRoutesTest, OpenAiClientsGetFloatsOrBase64) {
  const Json floats =
      PostJson("/v1/embeddings", R"({"model": "length", "input": ["ab", "c"], "user": "u"})", 200);
  EXPECT_EQ(floats["object"], "list");
  EXPECT_EQ(floats["data"][1]["index"], 1);
  EXPECT_EQ(floats["data"][0]["embedding"], Json({2.0, 0.5}));
  EXPECT_EQ(floats["usage"]["prompt_tokens"], 3);
  const Json base64 = PostJson(
      "/v1/embeddings", R"({"model": "length", "input": "ab", "encoding_format": "base64"})", 200);
  EXPECT_EQ(base64["data"][0]["embedding"], "AAAAQAAAAD8=");
}

TEST_F(AiRoutesTest, OpenAiErrorsAreProblemsToo) {
  const Json missing = PostJson("/v1/embeddings", R"({"model": "missing", "input": "a"})", 404);
  EXPECT_EQ(missing["error"]["code"], "model_not_found");
  EXPECT_EQ(missing["error"]["param"], "model");
  EXPECT_EQ(missing["code"], "not_found");
  const Json bad = PostJson("/v1/embeddings", R"({"model": "m", "input": ["a", "bad"]})", 400);
  EXPECT_EQ(bad["error"]["type"], "invalid_request_error");
  EXPECT_NE(bad["error"]["message"].get<std::string>().find("input[1]"), std::string::npos);
  EXPECT_EQ(PostJson("/v1/embeddings", "{oops", 400)["error"]["code"], "invalid_argument");
  EXPECT_EQ(PostJson("/v1/embeddings", R"({"model": "m", "input": [1, 2]})", 400)["code"],
            "invalid_argument");
  EXPECT_EQ(
      PostJson("/v1/embeddings", R"({"model": "m", "input": "a", "dimensions": 3})", 400)["code"],
      "invalid_argument");
}

}  // namespace
}  // namespace lakehouse::gateway
