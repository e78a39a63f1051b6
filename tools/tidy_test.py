"""Tests of the rules of tools/tidy: each finds what it is for, and leaves good files alone."""

import unittest

from tools import cpp_scan, tidy_rules
from tools.tidy_rules import Tree

MODULES = """\
base 0 nlohmann/,spdlog/
net  1 boost/
sql  4 duckdb
"""


def tree(**files):
    """A tree of the three modules above; `src_sql_a_cc` stands for src/sql/a.cc."""
    named = {"src/modules.txt": MODULES}
    for key, text in files.items():
        folders, _, extension = key.rpartition("_")
        named[folders.replace("_", "/") + "." + extension] = text
    return Tree(named)


def lines(problems):
    return [(problem.path, problem.line) for problem in problems]


class ScanTest(unittest.TestCase):
    def test_blank_keeps_lines_and_removes_comments_and_literals(self):
        text = 'int a; // { \n/* {\n} */ auto s = "}\\"{"; char c = \'{\';\nauto r = R"x({\n)")x";\n'
        blanked = cpp_scan.blank(text)
        self.assertEqual(blanked.count("\n"), text.count("\n"))
        self.assertNotIn("{", blanked)
        self.assertNotIn("}", blanked)

    def test_digit_separators_are_no_literals(self):
        self.assertIn("{}", cpp_scan.blank("int a = 1'000; int b{}; int c = 2'000;"))

    def test_functions_are_measured_at_namespace_and_class_level(self):
        text = """\
namespace a {
struct B : public C {
  B() : x_(1) {}
  int Get() const {
    if (x_ > 0) {
      return 1;
    }
    return 0;
  }
};
template <typename T>
Result<T> Make(const T& value,
               int count) {
  auto f = [&] { return count; };
  return f();
}
TEST(Suite, Case) {
  Run();
}
constexpr int kTable[] = {
    1,
    2,
};
}  // namespace a
"""
        found = [(f.name, f.line, f.lines) for f in cpp_scan.functions(cpp_scan.blank(text))]
        self.assertEqual(found, [("B", 3, 1), ("Get", 4, 6), ("Make", 11, 6), ("TEST", 17, 3)])

    def test_functions_with_brace_in_the_initializer_list(self):
        text = "Foo::Foo(int a)\n    : a_{a},\n      b_(2) {\n  Run();\n}\nvoid G() {\n}\n"
        names = [f.name for f in cpp_scan.functions(cpp_scan.blank(text))]
        self.assertIn("G", names)
        self.assertLessEqual(max(f.lines for f in cpp_scan.functions(text)), 5)

    def test_tables_are_no_functions_and_braces_in_arguments_no_bodies(self):
        text = ("constexpr auto kA = std::to_array({\n1,\n2});\nconst int kB[F(2)] = {\n1,\n};\n"
                "Result<int> G(Options options = {}, int b = 0) {\n  return H({1, 2});\n}\n")
        found = [(f.name, f.line, f.lines) for f in cpp_scan.functions(cpp_scan.blank(text))]
        self.assertEqual(found, [("G", 7, 3)])

    def test_function_that_returns_a_struct_is_a_function(self):
        found = cpp_scan.functions("struct tm* Now(int a) {\n  return 0;\n}\n")
        self.assertEqual([f.lines for f in found], [3])

    def test_includes_ignore_comments(self):
        text = '// #include "base/a.h"\n#include <vector>\n#include "base/b.h"\n'
        self.assertEqual([(i.line, i.path, i.is_system) for i in cpp_scan.includes(text)],
                         [(2, "vector", True), (3, "base/b.h", False)])


class ModuleTableTest(unittest.TestCase):
    def test_good_table(self):
        self.assertEqual(tidy_rules.check_module_table(tree()), [])

    def test_wrong_order_double_header_and_bad_line(self):
        _, problems = tidy_rules.parse_modules("a 1 x/\nb 0 x/\nc zero -\n")
        self.assertEqual([p.line for p in problems], [2, 2, 3])

    def test_folder_without_entry(self):
        self.assertEqual(len(tidy_rules.check_module_table(tree(src_new_a_cc=""))), 1)


class IncludeTest(unittest.TestCase):
    def test_lower_rank_and_own_module_are_allowed(self):
        good = tree(src_sql_a_cc='#include "sql/a.h"\n#include "base/status.h"\n')
        self.assertEqual(tidy_rules.check_include_ranks(good), [])

    def test_higher_and_equal_rank_are_not(self):
        bad = tree(src_base_a_cc='#include <vector>\n#include "net/a.h"\n')
        self.assertEqual(lines(tidy_rules.check_include_ranks(bad)), [("src/base/a.cc", 2)])
        equal = Tree({"src/modules.txt": "a 1 -\nb 1 -\n", "src/a/x.cc": '#include "b/x.h"\n'})
        self.assertEqual(len(tidy_rules.check_include_ranks(equal)), 1)

    def test_library_headers_belong_to_one_module(self):
        text = '#include "duckdb.hpp"\n#include <vector>\n#include <sys/stat.h>\n'
        self.assertEqual(tidy_rules.check_third_party(tree(src_sql_a_cc=text)), [])
        problems = tidy_rules.check_third_party(tree(src_net_a_cc=text))
        self.assertEqual(lines(problems), [("src/net/a.cc", 1)])
        self.assertIn("belongs to sql", problems[0].text)

    def test_unknown_library_and_sibling_path(self):
        text = '#include <zlib.h>\n#include "sibling.h"\n'
        self.assertEqual(len(tidy_rules.check_third_party(tree(src_net_a_cc=text))), 2)

    def test_only_tests_include_the_test_library(self):
        text = "#include <gtest/gtest.h>\n"
        files = {"src/modules.txt": MODULES, "src/net/a_test.cc": text, "src/net/a.cc": text}
        self.assertEqual(lines(tidy_rules.check_third_party(Tree(files))), [("src/net/a.cc", 1)])

    def test_a_header_that_only_tests_include_is_one_of_them(self):
        files = {"src/modules.txt": MODULES, "src/net/fixture.h": "#include <gtest/gtest.h>\n",
                 "src/net/a_test.cc": '#include "net/fixture.h"\n', "src/net/a.cc": ""}
        self.assertEqual(tidy_rules.check_third_party(Tree(files)), [])
        files["src/net/a.cc"] = '#include "net/fixture.h"\n'
        self.assertEqual(lines(tidy_rules.check_third_party(Tree(files))),
                         [("src/net/fixture.h", 1)])

    def test_only_tests_include_test_support(self):
        text = '#include "support/temp_dir.h"\n'
        files = {"src/modules.txt": MODULES, "tests/support/temp_dir.h": "",
                 "src/net/a_test.cc": text, "src/net/a.cc": text}
        self.assertEqual(lines(tidy_rules.check_third_party(Tree(files))), [("src/net/a.cc", 1)])
        files = {"src/modules.txt": MODULES, "tests/support/temp_dir.h": "",
                 "tests/support/server.h": text}
        self.assertEqual(tidy_rules.check_third_party(Tree(files)), [])


class SizeTest(unittest.TestCase):
    LONG = "void F() {\n" + "  G();\n" * 80 + "}\n"

    def with_ratchet(self, entries):
        return Tree({"src/modules.txt": MODULES, "src/net/a.cc": self.LONG,
                     "tools/size_ratchet.txt": "# why\n" + entries})

    def test_limits(self):
        long_header = "// A.\n" * 221
        problems = tidy_rules.check_sizes(tree(src_net_a_h=long_header, src_net_b_cc=self.LONG))
        self.assertEqual(lines(problems), [("src/net/a.h", 1), ("src/net/b.cc", 1)])

    def test_python_functions_are_measured(self):
        text = "def f():\n" + "    print()\n" * 71
        self.assertEqual(len(tidy_rules.check_sizes(tree(tools_x_py=text))), 1)

    def test_ratchet_admits_what_was_there_and_no_more(self):
        self.assertEqual(tidy_rules.check_sizes(self.with_ratchet("src/net/a.cc F 82\n")), [])
        self.assertEqual(len(tidy_rules.check_sizes(self.with_ratchet("src/net/a.cc F 81\n"))), 1)

    def test_ratchet_must_follow_what_shrank(self):
        self.assertEqual(len(tidy_rules.check_sizes(self.with_ratchet("src/net/a.cc F 90\n"))), 1)
        self.assertEqual(len(tidy_rules.check_sizes(
            self.with_ratchet("src/net/a.cc F 82\nsrc/net/gone.cc G 99\n"))), 1)

    def test_tighten_lowers_and_drops_but_never_raises(self):
        text = tidy_rules.tighten_ratchet(
            self.with_ratchet("src/net/a.cc F 90\nsrc/net/gone.cc G 99\n"))
        self.assertEqual(text, "# why\nsrc/net/a.cc F 82\n")
        text = tidy_rules.tighten_ratchet(self.with_ratchet("src/net/a.cc F 75\n"))
        self.assertEqual(text, "# why\nsrc/net/a.cc F 75\n")


class TextTest(unittest.TestCase):
    def test_pragma_once_and_purpose(self):
        self.assertEqual(tidy_rules.check_pragma_once(
            tree(src_net_a_h="// Says why.\n#pragma once\n")), [])
        self.assertEqual(len(tidy_rules.check_pragma_once(tree(src_net_a_h="int a;\n"))), 2)

    def test_readmes(self):
        readmes = {f"src/{name}/README.md": "why\n" for name in ("base", "net", "sql")}
        files = {"src/modules.txt": MODULES, **readmes}
        self.assertEqual(tidy_rules.check_readmes(Tree(files)), [])
        files["src/net/README.md"] = "line\n" * 41
        del files["src/sql/README.md"]
        self.assertEqual(len(tidy_rules.check_readmes(Tree(files))), 2)

    def test_names(self):
        files = {"src/modules.txt": MODULES, "src/net/string_utils.h": "",
                 "src/net/a.h": "class CacheManager;\nclass ManagedCache;\n// class Helper\n"}
        self.assertEqual(lines(tidy_rules.check_names(Tree(files))),
                         [("src/net/string_utils.h", 1), ("src/net/a.h", 1)])

    def test_architecture_table(self):
        row = "| `{}` | {} | A purpose that says something |\n"
        table = row.format("base", 0) + row.format("net", 1) + row.format("sql", 4)
        good = Tree({"src/modules.txt": MODULES, "ARCHITECTURE.md": table})
        self.assertEqual(tidy_rules.check_architecture(good), [])
        bad = Tree({"src/modules.txt": MODULES, "ARCHITECTURE.md": table.replace("| 4", "| 5")})
        self.assertEqual(len(tidy_rules.check_architecture(bad)), 1)

    def test_whitespace(self):
        self.assertEqual(tidy_rules.check_whitespace(tree(src_net_a_cc="int a;\n\nint b;\n")), [])
        for bad in ("int a; \n", "int a;\t\nint b;\n", "int a;\r\n", "int a;"):
            self.assertEqual(len(tidy_rules.check_whitespace(tree(src_net_a_cc=bad))), 1, bad)

    def test_open_ends_machine_paths_and_back_doors(self):
        rules = {
            tidy_rules.check_open_ends: ("// TODO later\n", "mkdtemp(\"a_XXXXXX\");\n"),
            tidy_rules.check_machine_paths: ("// see /root/x\n", 'Join(dir + "/work/parts");\n'),
            tidy_rules.check_back_doors: ("friend class FooTest;\n", "friend class Registry;\n"),
        }
        for rule, (bad, good) in rules.items():
            self.assertEqual(lines(rule(tree(src_net_a_cc=bad))), [("src/net/a.cc", 1)], bad)
            self.assertEqual(rule(tree(src_net_a_cc=good)), [], good)

    def test_every_rule_says_what_it_checks(self):
        for name, rule in tidy_rules.RULES.items():
            self.assertTrue(rule.__doc__, name)


if __name__ == "__main__":
    unittest.main()
