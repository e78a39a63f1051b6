#include "net/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lakehouse::net {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

Route Pattern(Method method, std::string pattern) {
  Route route;
  route.method = method;
  route.pattern = std::move(pattern);
  return route;
}

// Finds by method and path; the request keeps the parameters.
struct Lookup {
  Lookup(const Router& router, Method method, std::string path) {
    request.method = method;
    request.path = std::move(path);
    match = router.Find(request);
  }
  std::string pattern() const { return match.route == nullptr ? "" : match.route->pattern; }
  Request request;
  RouteMatch match;
};

TEST(RouterTest, FillsTypedParameters) {
  Router router;
  router.Add(Pattern(Method::kGet, "/query/page/{id}/{page:int}"));
  router.Add(Pattern(Method::kGet, "/objects/{bucket}/{key:path}"));
  const Lookup page(router, Method::kGet, "/query/page/q1/17");
  EXPECT_EQ(page.pattern(), "/query/page/{id}/{page:int}");
  EXPECT_THAT(page.request.path_params, ElementsAre(Pair("id", "q1"), Pair("page", "17")));
  const Lookup object(router, Method::kGet, "/objects/primary/a/b/c");
  EXPECT_THAT(object.request.path_params,
              ElementsAre(Pair("bucket", "primary"), Pair("key", "a/b/c")));
}

TEST(RouterTest, MissesWhatDoesNotFit) {
  Router router;
  router.Add(Pattern(Method::kGet, "/"));
  router.Add(Pattern(Method::kGet, "/a/{name}"));
  router.Add(Pattern(Method::kGet, "/n/{n:int}"));
  router.Add(Pattern(Method::kGet, "/p/{rest:path}"));
  for (const char* path : {"/a", "/a/", "/a/b/", "/a/b/c", "/b/c", "/n/x", "/n/1x",
                           "/n/99999999999999999999", "/n/", "/p/", "/p", "//", "/A/b"}) {
    const Lookup lookup(router, Method::kGet, path);
    EXPECT_EQ(lookup.match.route, nullptr) << path;
    EXPECT_THAT(lookup.match.allowed, IsEmpty()) << path;
  }
  EXPECT_EQ(Lookup(router, Method::kGet, "/").pattern(), "/");
  EXPECT_EQ(Lookup(router, Method::kGet, "/n/-5").pattern(), "/n/{n:int}");
}

TEST(RouterTest, NamesTheAllowedMethods) {
  Router router;
  router.Add(Pattern(Method::kGet, "/a/{name}"));
  router.Add(Pattern(Method::kDelete, "/a/{name}"));
  const Lookup lookup(router, Method::kPost, "/a/b");
  EXPECT_EQ(lookup.match.route, nullptr);
  EXPECT_THAT(lookup.match.allowed, ElementsAre(Method::kGet, Method::kHead, Method::kDelete));
  EXPECT_THAT(Lookup(router, Method::kOther, "/a/b").match.allowed.size(), 3u);
}

TEST(RouterTest, HeadFindsGet) {
  Router router;
  router.Add(Pattern(Method::kGet, "/a"));
  router.Add(Pattern(Method::kPost, "/b"));
  EXPECT_EQ(Lookup(router, Method::kHead, "/a").pattern(), "/a");
  EXPECT_THAT(Lookup(router, Method::kHead, "/b").match.allowed, ElementsAre(Method::kPost));
}

TEST(RouterTest, TheMostLiteralPatternWins) {
  Router router;
  router.Add(Pattern(Method::kGet, "/v/{name}"));
  router.Add(Pattern(Method::kGet, "/v/stale"));
  router.Add(Pattern(Method::kGet, "/v/{rest:path}"));
  EXPECT_EQ(Lookup(router, Method::kGet, "/v/stale").pattern(), "/v/stale");
  const Lookup other(router, Method::kGet, "/v/x");
  EXPECT_EQ(other.pattern(), "/v/{name}");
  EXPECT_THAT(other.request.path_params, ElementsAre(Pair("name", "x")));
  EXPECT_EQ(Lookup(router, Method::kGet, "/v/x/y").pattern(), "/v/{rest:path}");
}

TEST(RouterDeathTest, RefusesPatternsThatCannotWork) {
  EXPECT_DEATH(
      {
        Router router;
        router.Add(Pattern(Method::kGet, "/a"));
        router.Add(Pattern(Method::kGet, "/a"));
      },
      "CHECK failed");
  EXPECT_DEATH({ Router().Add(Pattern(Method::kGet, "/{a:path}/b")); }, "CHECK failed");
  EXPECT_DEATH({ Router().Add(Pattern(Method::kGet, "/{a:float}")); }, "CHECK failed");
}

}  // namespace
}  // namespace lakehouse::net
