#include <algorithm>
#include <string>
#include <vector>

#include "base/strings.h"
#include "duckdb/common/extra_type_info.hpp"
#include "duckdb/parser/expression/list.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "duckdb/parser/parser.hpp"
#include "duckdb/parser/query_node/list.hpp"
#include "duckdb/parser/statement/explain_statement.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "duckdb/parser/tableref/list.hpp"
#include "sql/allowed_functions.internal.h"
#include "sql/engine.h"
#include "sql/error.internal.h"
#include "sql/gate.internal.h"

namespace lakehouse::sql {

namespace {

using duckdb::BinderException;
using duckdb::ExpressionClass;
using duckdb::ParsedExpression;
using duckdb::QueryNode;
using duckdb::QueryNodeType;
using duckdb::TableRef;
using duckdb::TableReferenceType;

// DuckDB's binder and optimizer need time that grows steeply with nesting (doubling with every
// subquery or lambda inside another), and do not look for interrupts meanwhile.
constexpr int kMaxExpressionDepth = 250;
constexpr int kMaxSubqueryDepth = 12;
constexpr int kMaxLambdaDepth = 8;
constexpr int kMaxSelects = 1'000;
constexpr size_t kMaxStatementBytes = 1 << 20;

// Counts how deep the walk is inside one kind of thing.
class Nesting {
 public:
  Nesting(int& depth, int limit, const char* what) : depth_(depth) {
    if (++depth_ > limit) {
      throw BinderException("%s nest deeper than %d here; use WITH to split the query", what,
                            limit);
    }
  }
  ~Nesting() { --depth_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  int& depth_;
};

// Visits every part of a parsed query and throws at the first that is not listed. DuckDB's own
// iterator skips subqueries in expressions, type parameters and PIVOT lists, so the walk is ours;
// each switch ends in a refusal.
class ParsedGate {
 public:
  void CheckNode(QueryNode& node);

 private:
  void CheckExpression(ParsedExpression& expression);
  void CheckTable(TableRef& table);
  void CheckPivot(duckdb::PivotRef& pivot);
  void CheckSelect(duckdb::SelectNode& node);
  void CheckModifier(duckdb::ResultModifier& modifier);
  void CheckType(const duckdb::LogicalType& type);
  void CheckFunctionName(const ParsedExpression& expression, const std::string& name);

  void CheckChildren(ParsedExpression& expression);

  template <typename Pointer>
  void CheckIfSet(Pointer& expression) {
    if (expression) CheckExpression(*expression);
  }
  template <typename List>
  void CheckEach(List& expressions) {
    for (auto& expression : expressions) CheckIfSet(expression);
  }

  int expression_depth_ = 0;
  int subquery_depth_ = 0;
  int lambda_depth_ = 0;
  int selects_ = 0;
};

void ParsedGate::CheckFunctionName(const ParsedExpression& expression, const std::string& name) {
  if (IsAllowedFunction(name)) return;
  throw BinderException(expression, "The function \"%s\" is not offered here", name);
}

void ParsedGate::CheckType(const duckdb::LogicalType& type) {
  if (type.id() == duckdb::LogicalTypeId::UNBOUND) {
    CheckExpression(*duckdb::UnboundType::GetTypeExpression(type));
  }
}

void ParsedGate::CheckChildren(ParsedExpression& expression) {
  duckdb::ParsedExpressionIterator::EnumerateChildren(
      expression, [this](duckdb::unique_ptr<ParsedExpression>& child) { CheckIfSet(child); });
}

void ParsedGate::CheckExpression(ParsedExpression& expression) {
  const Nesting expressions(expression_depth_, kMaxExpressionDepth, "Expressions");
  switch (expression.GetExpressionClass()) {
    case ExpressionClass::FUNCTION:
      CheckFunctionName(expression, expression.Cast<duckdb::FunctionExpression>().function_name);
      break;
    case ExpressionClass::WINDOW:
      CheckFunctionName(expression, expression.Cast<duckdb::WindowExpression>().function_name);
      break;
    case ExpressionClass::SUBQUERY: {
      const Nesting subqueries(subquery_depth_, kMaxSubqueryDepth, "Subqueries in expressions");
      CheckNode(*expression.Cast<duckdb::SubqueryExpression>().subquery->node);
      break;
    }
    case ExpressionClass::LAMBDA: {
      const Nesting lambdas(lambda_depth_, kMaxLambdaDepth, "Lambdas");
      return CheckChildren(expression);
    }
    case ExpressionClass::CAST:
      CheckType(expression.Cast<duckdb::CastExpression>().cast_type);
      break;
    case ExpressionClass::CASE:
    case ExpressionClass::COLUMN_REF:
    case ExpressionClass::COMPARISON:
    case ExpressionClass::CONJUNCTION:
    case ExpressionClass::CONSTANT:
    case ExpressionClass::DEFAULT:
    case ExpressionClass::OPERATOR:
    case ExpressionClass::STAR:
    case ExpressionClass::PARAMETER:
    case ExpressionClass::COLLATE:
    case ExpressionClass::POSITIONAL_REFERENCE:
    case ExpressionClass::BETWEEN:
    case ExpressionClass::TYPE:
      break;
    default:
      throw BinderException(expression, "This kind of expression is not offered here");
  }
  CheckChildren(expression);
}

void ParsedGate::CheckPivot(duckdb::PivotRef& pivot) {
  CheckTable(*pivot.source);
  CheckEach(pivot.aggregates);
  for (duckdb::PivotColumn& column : pivot.pivots) {
    CheckEach(column.pivot_expressions);
    for (duckdb::PivotColumnEntry& entry : column.entries) CheckIfSet(entry.expr);
    if (column.subquery) CheckNode(*column.subquery);
  }
}

void ParsedGate::CheckTable(TableRef& table) {
  switch (table.type) {
    case TableReferenceType::EMPTY_FROM:
      return;
    case TableReferenceType::BASE_TABLE:
      if (table.Cast<duckdb::BaseTableRef>().at_clause) {
        throw BinderException(table, "AT is not offered here: a query sees the current snapshot");
      }
      return;
    case TableReferenceType::SUBQUERY:
      return CheckNode(*table.Cast<duckdb::SubqueryRef>().subquery->node);
    case TableReferenceType::JOIN: {
      auto& join = table.Cast<duckdb::JoinRef>();
      CheckTable(*join.left);
      CheckTable(*join.right);
      return CheckIfSet(join.condition);
    }
    case TableReferenceType::TABLE_FUNCTION: {
      auto& function = table.Cast<duckdb::TableFunctionRef>();
      auto& call = function.function->Cast<duckdb::FunctionExpression>();
      if (!IsAllowedTableFunction(call.function_name)) {
        throw BinderException(
            table, "The table function \"%s\" is not offered here; datasets are tables: FROM name",
            call.function_name);
      }
      CheckEach(call.children);
      if (function.subquery) CheckNode(*function.subquery->node);
      return;
    }
    case TableReferenceType::EXPRESSION_LIST:
      for (auto& row : table.Cast<duckdb::ExpressionListRef>().values) CheckEach(row);
      return;
    case TableReferenceType::PIVOT:
      return CheckPivot(table.Cast<duckdb::PivotRef>());
    case TableReferenceType::SHOW_REF: {
      auto& show = table.Cast<duckdb::ShowRef>();
      if (show.query) return CheckNode(*show.query);
      throw BinderException(table,
                            "This SHOW is not offered here; SHOW TABLES and DESCRIBE name are");
    }
    default:
      throw BinderException(table, "This kind of table is not offered here");
  }
}

void ParsedGate::CheckModifier(duckdb::ResultModifier& modifier) {
  switch (modifier.type) {
    case duckdb::ResultModifierType::LIMIT_MODIFIER: {
      auto& limit = modifier.Cast<duckdb::LimitModifier>();
      CheckIfSet(limit.limit);
      return CheckIfSet(limit.offset);
    }
    case duckdb::ResultModifierType::LIMIT_PERCENT_MODIFIER: {
      auto& limit = modifier.Cast<duckdb::LimitPercentModifier>();
      CheckIfSet(limit.limit);
      return CheckIfSet(limit.offset);
    }
    case duckdb::ResultModifierType::ORDER_MODIFIER:
      for (auto& order : modifier.Cast<duckdb::OrderModifier>().orders)
        CheckIfSet(order.expression);
      return;
    case duckdb::ResultModifierType::DISTINCT_MODIFIER:
      return CheckEach(modifier.Cast<duckdb::DistinctModifier>().distinct_on_targets);
  }
  throw BinderException("This clause is not offered here");
}

void ParsedGate::CheckSelect(duckdb::SelectNode& node) {
  CheckEach(node.select_list);
  CheckTable(*node.from_table);
  CheckIfSet(node.where_clause);
  CheckEach(node.groups.group_expressions);
  CheckIfSet(node.having);
  CheckIfSet(node.qualify);
}

void ParsedGate::CheckNode(QueryNode& node) {
  if (++selects_ > kMaxSelects) {
    throw BinderException("The query holds more than %d SELECTs", kMaxSelects);
  }
  for (auto& entry : node.cte_map.map) {
    CheckEach(entry.second->key_targets);
    CheckNode(*entry.second->query->node);
  }
  for (auto& modifier : node.modifiers) CheckModifier(*modifier);
  switch (node.type) {
    case QueryNodeType::SELECT_NODE:
      return CheckSelect(node.Cast<duckdb::SelectNode>());
    case QueryNodeType::SET_OPERATION_NODE:
      for (auto& child : node.Cast<duckdb::SetOperationNode>().children) CheckNode(*child);
      return;
    case QueryNodeType::RECURSIVE_CTE_NODE: {
      auto& recursive = node.Cast<duckdb::RecursiveCTENode>();
      CheckEach(recursive.key_targets);
      CheckNode(*recursive.left);
      return CheckNode(*recursive.right);
    }
    case QueryNodeType::CTE_NODE: {
      auto& cte = node.Cast<duckdb::CTENode>();
      CheckNode(*cte.query);
      return CheckNode(*cte.child);
    }
    default:
      throw BinderException("Only SELECT is offered here");
  }
}

// True for SHOW TABLES, in any of its spellings that parse to a bare SHOW.
bool IsShowTables(const duckdb::SelectStatement& select) {
  if (select.node->type != QueryNodeType::SELECT_NODE) return false;
  const TableRef& from = *select.node->Cast<duckdb::SelectNode>().from_table;
  if (from.type != TableReferenceType::SHOW_REF) return false;
  const auto& show = from.Cast<duckdb::ShowRef>();
  return !show.query && show.show_type == duckdb::ShowType::SHOW_UNQUALIFIED &&
         (show.table_name == "\"tables\"" || show.table_name == "__show_tables_expanded");
}

duckdb::unique_ptr<duckdb::SQLStatement> ListDatasets(const Scope& scope) {
  std::string sql = "SELECT unnest([";
  for (const catalog::DatasetPtr& dataset : scope.datasets()) {
    if (dataset != scope.datasets().front()) sql += ", ";
    sql += QuoteLiteral(dataset->name.str());
  }
  sql += "]::VARCHAR[]) AS name";
  duckdb::Parser parser;
  parser.ParseQuery(sql);
  return std::move(parser.statements.front());
}

duckdb::unique_ptr<duckdb::SQLStatement> CheckStatement(
    const Scope& scope, duckdb::unique_ptr<duckdb::SQLStatement> statement) {
  duckdb::SQLStatement* inner = statement.get();
  if (inner->type == duckdb::StatementType::EXPLAIN_STATEMENT) {
    auto& explain = inner->Cast<duckdb::ExplainStatement>();
    if (explain.explain_type != duckdb::ExplainType::EXPLAIN_STANDARD) {
      throw BinderException("EXPLAIN ANALYZE is not offered here; EXPLAIN is");
    }
    inner = explain.stmt.get();
  }
  if (inner->type == duckdb::StatementType::MULTI_STATEMENT) {
    // DuckDB would create a type from the data first.
    throw BinderException("A PIVOT must list its columns here: PIVOT name ON column IN (...)");
  }
  if (inner->type != duckdb::StatementType::SELECT_STATEMENT) {
    throw BinderException(
        "%s is not offered here: a query is one SELECT, and datasets change by ingest",
        duckdb::StatementTypeToString(inner->type));
  }
  auto& select = inner->Cast<duckdb::SelectStatement>();
  if (inner == statement.get() && IsShowTables(select)) return ListDatasets(scope);
  ParsedGate().CheckNode(*select.node);
  return statement;
}

}  // namespace

Result<duckdb::unique_ptr<duckdb::SQLStatement>> ParseStatement(duckdb::ClientContext& context,
                                                                const Scope& scope,
                                                                const std::string& sql) {
  if (sql.size() > kMaxStatementBytes) {
    return InvalidArgument("The query has ", sql.size(), " bytes; expected at most ",
                           kMaxStatementBytes, ": bind long lists as params");
  }
  try {
    duckdb::Parser parser(context.GetParserOptions());
    parser.ParseQuery(sql);
    if (parser.statements.empty()) return InvalidArgument("The query holds no statement");
    if (parser.statements.size() > 1) {
      return InvalidArgument("The query holds ", parser.statements.size(),
                             " statements; expected one");
    }
    return CheckStatement(scope, std::move(parser.statements.front()));
  } catch (const std::exception& exception) {
    duckdb::ErrorData error(exception);
    error.AddErrorLocation(sql);
    return FromError(error);
  }
}

}  // namespace lakehouse::sql
