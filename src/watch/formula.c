#include "watch/formula.h"

#include <ctype.h>
#include <math.h>

#define OPEN '('
#define STACK_MAX FORMULA_STEPS_MAX

/* The reader: operators wait on a stack until what binds more tightly is out (shunting yard). */
typedef struct {
    span rest;
    formula_atoms *atoms;
    arena *memory;
    formula out;
    char waiting[STACK_MAX];
    size_t waiting_count;
    bool wants_value; /* an operand comes next */
    err *e;
} reader;

static bool wrong(reader *r, const char *what)
{
    return err_set(r->e, ERR_FORMAT, "a formula: %s, before '%s'", what, span_show(r->rest).text);
}

static bool step_add(reader *r, formula_step s)
{
    if (r->out.count == FORMULA_STEPS_MAX) return wrong(r, "too long");
    r->out.steps[r->out.count++] = s;
    return true;
}

static bool wait_add(reader *r, char what)
{
    if (r->waiting_count == STACK_MAX) return wrong(r, "too deep");
    r->waiting[r->waiting_count++] = what;
    return true;
}

static int rank(char what)
{
    return what == '*' || what == '/' ? 2 : what == '+' || what == '-' ? 1 : 0;
}

/* What waits and binds at least as tightly goes out. */
static bool flush(reader *r, int least)
{
    while (r->waiting_count > 0 && rank(r->waiting[r->waiting_count - 1]) >= least) {
        formula_step s = {.what = r->waiting[--r->waiting_count]};
        if (!step_add(r, s)) return false;
    }
    return true;
}

static bool atom_number(reader *r, span name, size_t *ret)
{
    formula_atoms *a = r->atoms;
    for (size_t i = 0; i < a->count; i++) {
        *ret = i;
        if (span_is(name, a->names[i])) return true;
    }
    if (a->count == FORMULA_ATOMS_MAX) return wrong(r, "too many fields");
    *ret = a->count;
    a->names[a->count++] = arena_text(r->memory, name);
    return true;
}

static bool is_name(uint8_t c)
{
    return isalnum(c) != 0 || c == '_' || c == '.' || c == '|' || c == '=';
}

/* A name, with the family in braces that may follow it. */
static span name_take(reader *r)
{
    size_t size = 0;
    while (size < r->rest.size && is_name(r->rest.at[size]))
        size++;
    if (size < r->rest.size && r->rest.at[size] == '{') {
        while (size < r->rest.size && r->rest.at[size] != '}')
            size++;
        size += size < r->rest.size;
    }
    span name = span_of(r->rest.at, size);
    r->rest = span_tail(r->rest, size);
    return name;
}

static bool growth_take(reader *r)
{
    formula_step s = {.what = 'd'};
    r->rest = span_tail(r->rest, 1);
    span name = name_take(r);
    if (name.size == 0 || !span_starts(r->rest, ")")) return wrong(r, "d() of no field");
    r->rest = span_tail(r->rest, 1);
    r->wants_value = false;
    return atom_number(r, name, &s.atom) && step_add(r, s);
}

static bool value_take(reader *r)
{
    formula_step s = {.what = 'n'};
    span name = name_take(r);
    bool calls = span_starts(r->rest, "(");
    if (name.size == 0) return wrong(r, "a field or number is missing");
    if (calls && span_is(name, "d")) return growth_take(r);
    if (calls && span_is(name, "min")) return wait_add(r, 'm');
    if (calls && span_is(name, "max")) return wait_add(r, 'M');
    r->wants_value = false;
    if (isdigit(name.at[0]))
        return span_to_double(name, &s.number) ? step_add(r, s) : wrong(r, "no number");
    s.what = 'a';
    return atom_number(r, name, &s.atom) && step_add(r, s);
}

static bool close_take(reader *r)
{
    if (!flush(r, 1)) return false;
    if (r->waiting_count == 0) return wrong(r, "a bracket too many");
    r->waiting_count--;
    if (r->waiting_count == 0) return true;
    formula_step call = {.what = r->waiting[r->waiting_count - 1]};
    if (call.what != 'm' && call.what != 'M') return true;
    r->waiting_count--;
    return step_add(r, call);
}

static bool sign_take(reader *r, char c)
{
    r->rest = span_tail(r->rest, 1);
    if (c == OPEN) return r->wants_value ? wait_add(r, OPEN) : wrong(r, "an operator is missing");
    if (r->wants_value) return wrong(r, "a value is missing");
    if (c == ')') return close_take(r);
    r->wants_value = true;
    return c == ',' ? flush(r, 1) : flush(r, rank(c)) && wait_add(r, c);
}

/* Every operator finds its operands, and one value is left. */
static bool is_whole(const formula *f)
{
    size_t depth = 0;
    for (size_t i = 0; i < f->count; i++) {
        bool is_value = strchr("nad", f->steps[i].what) != NULL;
        if (!is_value && depth < 2) return false;
        depth = is_value ? depth + 1 : depth - 1;
    }
    return depth == 1;
}

bool formula_read(span text, formula_atoms *atoms, arena *memory, formula *ret, err *e)
{
    reader r = {.rest = text, .atoms = atoms, .memory = memory, .wants_value = true, .e = e};
    for (r.rest = span_trim(r.rest); r.rest.size > 0; r.rest = span_trim(r.rest)) {
        char c = (char)r.rest.at[0];
        bool is_sign = strchr("()+-*/,", c) != NULL;
        if (!is_sign && !r.wants_value) return wrong(&r, "an operator is missing");
        if (is_sign ? !sign_take(&r, c) : !value_take(&r)) return false;
    }
    if (!flush(&r, 1)) return false;
    if (r.waiting_count > 0 || !is_whole(&r.out)) return wrong(&r, "it ends too early");
    *ret = r.out;
    return true;
}

/* A counter that fell began anew. */
static double growth(double now, double before)
{
    return isnan(before) ? NAN : now < before ? now : now - before;
}

static double apply(char what, double a, double b)
{
    switch (what) {
    case '+':
        return a + b;
    case '-':
        return a - b;
    case '*':
        return a * b;
    case '/':
        return b == 0 ? NAN : a / b;
    case 'm':
        return isnan(a) || isnan(b) ? NAN : fmin(a, b);
    default:
        return isnan(a) || isnan(b) ? NAN : fmax(a, b);
    }
}

double formula_value(const formula *f, const double *now, const double *before)
{
    double stack[FORMULA_STEPS_MAX] = {0};
    size_t depth = 0;
    for (size_t i = 0; i < f->count; i++) {
        const formula_step *s = &f->steps[i];
        if (s->what == 'n') {
            stack[depth++] = s->number;
        } else if (s->what == 'a') {
            stack[depth++] = now[s->atom];
        } else if (s->what == 'd') {
            stack[depth++] = growth(now[s->atom], before[s->atom]);
        } else {
            assert(depth >= 2);
            depth--;
            stack[depth - 1] = apply(s->what, stack[depth - 1], stack[depth]);
        }
    }
    assert(depth == 1);
    return stack[0];
}
