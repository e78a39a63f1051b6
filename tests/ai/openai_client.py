"""OpenAI's own client for Python, unmodified, against /v1."""

import array
import asyncio
import base64
import json
import sys

from support.ollama import cached_model
from support.s3_servers import cached_path
from world import EMBEDDED, AiTest, cosine

sys.path.insert(0, cached_path("openai"))
import openai  # pylint: disable=wrong-import-position,import-error

TEXTS = ["a small cat", "a little kitten", "tax law", "naïve café 🙂"]
WIDTH = 384


class OpenAiClientTest(AiTest):
    def setUp(self):
        super().setUp()
        self.configure(models=[{"name": "prefixed", "directory": cached_model(EMBEDDED),
                                "document_prefix": "passage: ", "query_prefix": "query: "}])
        self.lake = self.serve()
        self.client = openai.OpenAI(base_url=f"{self.lake.url}/v1", api_key="unused", max_retries=0)
        self.addCleanup(self.client.close)

    def create(self, texts, **options):
        return self.client.embeddings.create(model=EMBEDDED, input=texts, **options)

    def test_lists_and_single_texts(self):
        answer = self.create(TEXTS)
        self.assertEqual((answer.object, answer.model), ("list", EMBEDDED))
        self.assertEqual([item.index for item in answer.data], [0, 1, 2, 3])
        self.assertEqual({len(item.embedding) for item in answer.data}, {WIDTH})
        self.assertGreater(answer.usage.prompt_tokens, 4 * 2)
        self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens)
        [single] = self.create(TEXTS[0]).data
        self.assertEqual(single.embedding, answer.data[0].embedding)
        near, also, far, _ = (item.embedding for item in answer.data)
        self.assertGreater(cosine(near, also), cosine(near, far) + 0.3)
        self.assertEqual(array.array("f", self.vectors(self.lake, TEXTS)[2]), array.array("f", far))

    def test_floats_and_base64_are_the_same_numbers(self):
        # Left to itself the client asks for base64 and decodes it.
        decoded = self.create(TEXTS).data
        floats = self.create(TEXTS, encoding_format="float").data
        coded = self.create(TEXTS, encoding_format="base64").data
        for one, two, three in zip(decoded, floats, coded):
            self.assertEqual(list(array.array("f", one.embedding)),
                             list(array.array("f", two.embedding)))
            self.assertIsInstance(three.embedding, str)
            self.assertEqual(list(array.array("f", base64.b64decode(three.embedding))),
                             list(array.array("f", two.embedding)))

    def test_dimensions_are_honoured_or_refused(self):
        self.assertEqual(len(self.create("x", dimensions=WIDTH).data[0].embedding), WIDTH)
        with self.assertRaisesRegex(openai.BadRequestError, f"gives {WIDTH}"):
            self.create("x", dimensions=128)

    def test_queries_are_told_from_documents(self):
        def embed(model, text, **extra):
            return self.client.embeddings.create(model=model, input=text,
                                                 extra_body=extra).data[0].embedding

        for given, prefix in (({"input_type": "query"}, "query: "),
                              ({"input_type": "document"}, "passage: "), ({}, "passage: ")):
            self.assertGreater(cosine(embed("prefixed", "a cat", **given),
                                      embed(EMBEDDED, prefix + "a cat")), 0.999999)

    def test_models_are_listed_and_shown(self):
        names = [model.id for model in self.client.models.list()]
        self.assertEqual(sorted(names), sorted([EMBEDDED, "prefixed"]))
        self.assertEqual(self.client.models.retrieve(EMBEDDED).owned_by, "embedded")
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("nothing")

    def test_errors_have_openais_shape(self):
        with self.assertRaises(openai.NotFoundError) as raised:
            self.client.embeddings.create(model="nothing", input="x")
        self.assertEqual((raised.exception.code, raised.exception.param,
                          raised.exception.type),
                         ("model_not_found", "model", "invalid_request_error"))
        for bad in ([], [1, 2, 3], [[1, 2], [3]]):
            with self.assertRaises(openai.BadRequestError) as raised:
                self.create(bad)
            self.assertEqual(raised.exception.type, "invalid_request_error")
            self.assertTrue(raised.exception.body["message"])
        with self.assertRaises(openai.BadRequestError):
            self.create("x", encoding_format="hex")
        status, answer = self.lake.send("POST", "/v1/embeddings", b"{oops",
                                        {"Content-Type": "application/json"})
        self.assertEqual(status, 400)
        self.assertIn("message", json.loads(answer)["error"])

    def test_many_texts_and_many_callers(self):
        texts = [f"text number {i} about {'cats' if i % 2 else 'taxes'}" for i in range(500)]
        whole = self.create(texts).data
        self.assertEqual([item.index for item in whole], list(range(500)))

        async def ask_all():
            async with openai.AsyncOpenAI(base_url=f"{self.lake.url}/v1", api_key="unused",
                                          max_retries=0) as client:
                return await asyncio.gather(*(
                    client.embeddings.create(model=EMBEDDED, input=text) for text in texts[:20]))

        for answer, expected in zip(asyncio.run(ask_all()), whole):
            self.assertGreater(cosine(answer.data[0].embedding, expected.embedding), 0.999999)
