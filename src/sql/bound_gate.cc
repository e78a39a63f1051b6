#include <string>

#include "base/strings.h"
#include "duckdb/function/replacement_scan.hpp"
#include "duckdb/optimizer/optimizer_extension.hpp"
#include "duckdb/parser/parser.hpp"
#include "duckdb/parser/query_node/select_node.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "duckdb/parser/tableref/subqueryref.hpp"
#include "duckdb/planner/expression/list.hpp"
#include "duckdb/planner/expression_iterator.hpp"
#include "duckdb/planner/logical_operator_visitor.hpp"
#include "duckdb/planner/operator/logical_get.hpp"
#include "sql/allowed_functions.internal.h"
#include "sql/engine.h"
#include "sql/error.internal.h"
#include "sql/gate.internal.h"

namespace lakehouse::sql {

namespace {

using duckdb::BinderException;
using duckdb::LogicalOperatorType;

// The reader under every dataset. Nobody outside can name it (the parsed statement is checked
// first), and our file system opens only what the scope holds.
constexpr const char* kDatasetReader = "read_parquet";

bool IsAllowedOperator(LogicalOperatorType type) {
  switch (type) {
    case LogicalOperatorType::LOGICAL_PROJECTION:
    case LogicalOperatorType::LOGICAL_FILTER:
    case LogicalOperatorType::LOGICAL_AGGREGATE_AND_GROUP_BY:
    case LogicalOperatorType::LOGICAL_WINDOW:
    case LogicalOperatorType::LOGICAL_UNNEST:
    case LogicalOperatorType::LOGICAL_LIMIT:
    case LogicalOperatorType::LOGICAL_ORDER_BY:
    case LogicalOperatorType::LOGICAL_TOP_N:
    case LogicalOperatorType::LOGICAL_DISTINCT:
    case LogicalOperatorType::LOGICAL_SAMPLE:
    case LogicalOperatorType::LOGICAL_PIVOT:
    case LogicalOperatorType::LOGICAL_GET:
    case LogicalOperatorType::LOGICAL_CHUNK_GET:
    case LogicalOperatorType::LOGICAL_DELIM_GET:
    case LogicalOperatorType::LOGICAL_EXPRESSION_GET:
    case LogicalOperatorType::LOGICAL_DUMMY_SCAN:
    case LogicalOperatorType::LOGICAL_EMPTY_RESULT:
    case LogicalOperatorType::LOGICAL_CTE_REF:
    case LogicalOperatorType::LOGICAL_JOIN:
    case LogicalOperatorType::LOGICAL_DELIM_JOIN:
    case LogicalOperatorType::LOGICAL_COMPARISON_JOIN:
    case LogicalOperatorType::LOGICAL_ANY_JOIN:
    case LogicalOperatorType::LOGICAL_CROSS_PRODUCT:
    case LogicalOperatorType::LOGICAL_POSITIONAL_JOIN:
    case LogicalOperatorType::LOGICAL_ASOF_JOIN:
    case LogicalOperatorType::LOGICAL_DEPENDENT_JOIN:
    case LogicalOperatorType::LOGICAL_UNION:
    case LogicalOperatorType::LOGICAL_EXCEPT:
    case LogicalOperatorType::LOGICAL_INTERSECT:
    case LogicalOperatorType::LOGICAL_RECURSIVE_CTE:
    case LogicalOperatorType::LOGICAL_MATERIALIZED_CTE:
    case LogicalOperatorType::LOGICAL_EXPLAIN:
      return true;
    default:
      return false;
  }
}

void CheckFunction(const std::string& name) {
  if (!IsAllowedFunction(name)) {
    throw BinderException("The function \"%s\" is not offered here", name);
  }
}

void CheckExpression(const duckdb::Expression& expression) {
  switch (expression.GetExpressionClass()) {
    case duckdb::ExpressionClass::BOUND_FUNCTION:
      CheckFunction(expression.Cast<duckdb::BoundFunctionExpression>().function.name);
      break;
    case duckdb::ExpressionClass::BOUND_AGGREGATE:
      CheckFunction(expression.Cast<duckdb::BoundAggregateExpression>().function.name);
      break;
    case duckdb::ExpressionClass::BOUND_WINDOW: {
      const auto& window = expression.Cast<duckdb::BoundWindowExpression>();
      if (window.aggregate) CheckFunction(window.aggregate->name);
      break;
    }
    default:
      break;
  }
  duckdb::ExpressionIterator::EnumerateChildren(
      expression, [](const duckdb::Expression& child) { CheckExpression(child); });
}

void CheckPlan(duckdb::LogicalOperator& plan) {
  if (!IsAllowedOperator(plan.type)) {
    throw BinderException("%s is not offered here: a query is one SELECT",
                          duckdb::LogicalOperatorToString(plan.type));
  }
  if (plan.type == LogicalOperatorType::LOGICAL_GET) {
    const std::string& name = plan.Cast<duckdb::LogicalGet>().function.name;
    if (name != kDatasetReader && !IsAllowedTableFunction(name)) {
      throw BinderException(
          "\"%s\" is not offered here; SHOW TABLES and DESCRIBE name tell what there is", name);
    }
  }
  duckdb::LogicalOperatorVisitor::EnumerateExpressions(
      plan,
      [](duckdb::unique_ptr<duckdb::Expression>* expression) { CheckExpression(**expression); });
  for (const auto& child : plan.children) CheckPlan(*child);
}

void CheckBoundPlan(duckdb::OptimizerExtensionInput& input,
                    duckdb::unique_ptr<duckdb::LogicalOperator>& plan) {
  Scope* scope = Scope::Find(input.context);
  if (scope == nullptr || scope->trusted()) return;
  CheckPlan(*plan);
  scope->plan_approved = true;
}

[[noreturn]] void ThrowUnknownTable(const Scope& scope, duckdb::ReplacementScanInput& input) {
  const Status why = input.schema_name.empty() ? scope.WhyMissing(input.table_name) : OkStatus();
  if (why.code() == StatusCode::kUnavailable) ThrowUnavailable(why.message());
  std::vector<std::string> names;
  for (const catalog::DatasetPtr& dataset : scope.datasets()) names.push_back(dataset->name.str());
  const std::string nearest = NearestName(ToLowerAscii(input.table_name), names);
  std::string hint = "; SHOW TABLES lists the datasets";
  if (!nearest.empty()) hint = StrCat("; did you mean ", QuoteIdentifier(nearest), "?");
  throw duckdb::CatalogException("There is no dataset \"%s\"%s",
                                 duckdb::ReplacementScan::GetFullPath(input), hint);
}

duckdb::unique_ptr<duckdb::TableRef> ScanDataset(
    duckdb::ClientContext& context, duckdb::ReplacementScanInput& input,
    duckdb::optional_ptr<duckdb::ReplacementScanData>) {
  Scope* scope = Scope::Find(context);
  if (scope == nullptr || scope->trusted()) return nullptr;
  const bool qualified = !input.catalog_name.empty() || !input.schema_name.empty();
  const catalog::Dataset* dataset = qualified ? nullptr : scope->Resolve(input.table_name);
  if (dataset == nullptr) {
    ThrowUnknownTable(*scope, input);
  }
  duckdb::Parser parser;
  parser.ParseQuery("SELECT * FROM " + DatasetScan(*dataset));
  return duckdb::make_uniq<duckdb::SubqueryRef>(
      duckdb::unique_ptr_cast<duckdb::SQLStatement, duckdb::SelectStatement>(
          std::move(parser.statements.front())));
}

}  // namespace

void InstallGate(duckdb::DBConfig& config) {
  config.replacement_scans.emplace_back(ScanDataset);
  duckdb::OptimizerExtension extension;
  extension.pre_optimize_function = CheckBoundPlan;
  duckdb::OptimizerExtension::Register(config, std::move(extension));
}

}  // namespace lakehouse::sql
