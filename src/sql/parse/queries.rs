//! SELECT, UNION, WITH: what each level reads and gives.

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, OrderByKind, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    Statement, TableAlias, WildcardAdditionalOptions, With,
};

use super::expressions::{operand, plain_column};
use super::names::name_of;
use super::reader::{Reader, Unparsed};
use crate::sql::structure::{Derived, Name, Operand, Output, Selected};

/// What a query's body consists of.
pub(super) struct Body {
    pub(super) levels: Vec<usize>,
    /// No LIMIT takes rows away.
    pub(super) is_whole: bool,
}

impl Reader {
    /// A query that stands in an expression: a condition there may speak of it.
    pub(super) fn subquery(&mut self, query: &Query) -> Result<(), Unparsed> {
        let body = self.query(query)?;
        self.queries.push((std::ptr::from_ref(query), body.levels));
        Ok(())
    }

    /// A query that knows nothing of what stands around it.
    pub(super) fn apart(&mut self, query: &Query) -> Result<Body, Unparsed> {
        let around = self.within.take();
        let body = self.query(query)?;
        self.within = around;
        Ok(body)
    }

    /// The levels of a query's body.
    pub(super) fn query(&mut self, query: &Query) -> Result<Body, Unparsed> {
        let in_sight = self.common.len();
        if let Some(with) = &query.with {
            self.with(with)?;
        }
        let mut body = self.body(&query.body)?;
        body.is_whole &= query.limit_clause.is_none() && query.fetch.is_none();
        if let Some(order) = &query.order_by
            && let OrderByKind::Expressions(items) = &order.kind
        {
            let around = self.within.take();
            for item in items {
                self.expression(&item.expr)?;
            }
            self.within = around;
        }
        self.common.truncate(in_sight);
        Ok(body)
    }

    fn with(&mut self, with: &With) -> Result<(), Unparsed> {
        let name = |alias: &TableAlias| alias.name.value.to_lowercase();
        if with.recursive {
            self.common.extend(with.cte_tables.iter().map(|table| (name(&table.alias), None)));
        }
        for table in &with.cte_tables {
            let body = self.apart(&table.query)?;
            // What a condition behind a recursion keeps is not all that the recursion needs.
            let body = Body { is_whole: body.is_whole && !with.recursive, ..body };
            self.common.push((name(&table.alias), Some(derived(body, &table.alias))));
        }
        Ok(())
    }

    fn body(&mut self, body: &SetExpr) -> Result<Body, Unparsed> {
        match body {
            SetExpr::Select(select) => self.select(select).map(|level| Body { levels: vec![level], is_whole: true }),
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation { left, right, .. } => {
                let mut body = self.body(left)?;
                let right = self.body(right)?;
                body.levels.extend(right.levels);
                body.is_whole &= right.is_whole;
                Ok(body)
            }
            SetExpr::Values(values) => {
                let level = self.new_level();
                for value in values.rows.iter().flat_map(|row| &row.content) {
                    self.expression(value)?;
                }
                Ok(Body { levels: vec![level], is_whole: true })
            }
            SetExpr::Update(statement) | SetExpr::Delete(statement) => self.statement_below_with(statement),
            _ => Err(Unparsed),
        }
    }

    /// `WITH … UPDATE` and `WITH … DELETE`.
    fn statement_below_with(&mut self, statement: &Statement) -> Result<Body, Unparsed> {
        self.found.main = self.found.levels.len();
        self.statement(statement)?;
        Ok(Body { levels: Vec::new(), is_whole: false })
    }

    fn select(&mut self, select: &Select) -> Result<usize, Unparsed> {
        self.selects += 1;
        let level = self.new_level();
        if select.into.is_some() || !select.lateral_views.is_empty() {
            return Err(Unparsed);
        }
        let around = self.within.replace(level);
        for tables in &select.from {
            self.tables(level, tables)?;
        }
        self.filter(level, select.selection.as_ref())?;
        for item in &select.projection {
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                self.expression(expr)?;
            }
        }
        if let Some(having) = &select.having {
            self.expression(having)?;
        }
        if let GroupByExpr::Expressions(items, _) = &select.group_by {
            for item in items {
                self.expression(item)?;
            }
        }
        let projected = if self.has_rollup { None } else { projection(select) };
        let found = &mut self.found.levels[level];
        found.is_plain = projected.is_some() && is_plain(select);
        if let Some((outputs, wildcards)) = projected {
            (found.outputs, found.wildcards) = (Some(outputs), wildcards);
        }
        self.within = around;
        Ok(level)
    }

    pub(super) fn filter(&mut self, level: usize, selection: Option<&Expr>) -> Result<(), Unparsed> {
        if let Some(expr) = selection {
            self.expression(expr)?;
            let condition = self.condition(expr);
            self.found.levels[level].conditions.push(condition);
        }
        Ok(())
    }
}

/// A query's rows under a name, and perhaps with names of their own.
pub(super) fn derived(body: Body, alias: &TableAlias) -> Derived {
    let names: Vec<String> = alias.columns.iter().map(|column| column.name.value.to_lowercase()).collect();
    Derived { levels: body.levels, columns: Some(names).filter(|names| !names.is_empty()), is_whole: body.is_whole }
}

/// What a SELECT gives, column by column, and its `*`; `None` if something else is among it.
fn projection(select: &Select) -> Option<(Vec<Output>, Vec<Option<Name>>)> {
    let (mut outputs, mut wildcards) = (Vec::new(), Vec::new());
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                outputs.push(Output { name: plain_column(expr).map(|column| column.name), selected: selected(expr) });
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                outputs.push(Output { name: Some(alias.value.to_lowercase()), selected: selected(expr) });
            }
            SelectItem::Wildcard(options) if is_bare(options) => wildcards.push(None),
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options)
                if is_bare(options) =>
            {
                wildcards.push(Some(name_of(name).ok()?));
            }
            _ => return None,
        }
    }
    Some((outputs, wildcards))
}

fn is_bare(options: &WildcardAdditionalOptions) -> bool {
    options.opt_ilike.is_none()
        && options.opt_exclude.is_none()
        && options.opt_except.is_none()
        && options.opt_replace.is_none()
        && options.opt_rename.is_none()
        && options.opt_alias.is_none()
}

/// Whether each row that passes the conditions is given as it is.
fn is_plain(select: &Select) -> bool {
    let is_plain_item = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            plain_column(expr).is_some() || operand(expr) != Operand::Other
        }
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => true,
        _ => false,
    };
    let is_ungrouped =
        matches!(&select.group_by, GroupByExpr::Expressions(items, extra) if items.is_empty() && extra.is_empty());
    matches!(select.distinct, None | Some(Distinct::Distinct | Distinct::All))
        && is_ungrouped
        && select.having.is_none()
        && select.named_window.is_empty()
        && select.projection.iter().all(is_plain_item)
}

fn selected(expr: &Expr) -> Selected {
    match plain_column(expr) {
        Some(column) => Selected::Column(column),
        None => Selected::Value(operand(expr)),
    }
}
