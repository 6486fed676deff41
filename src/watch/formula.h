/* watch/formula.h: a formula of data/info-to-cloudwatch.tsv: read once, worked out for each sample.
 *
 * The language stands in data/README.md. What a formula speaks of (an "atom": a field of INFO, a
 * family of commands ...) gets a number in a table that all formulas share, so that a sample looks
 * each of them up once. A value that is not there is NAN, and so is everything made from it. Pure.
 */
#pragma once
#include "base/err.h"
#include "base/mem.h"

#define FORMULA_STEPS_MAX 32
#define FORMULA_ATOMS_MAX 256

typedef struct {
    const char *names[FORMULA_ATOMS_MAX]; /* in the arena that they were read with */
    size_t count;
} formula_atoms;

typedef struct {
    char what; /* 'n' number, 'a' atom, 'd' growth of an atom, 'm' min, 'M' max, or + - * / */
    size_t atom;
    double number;
} formula_step;

/* Operands before their operator: "a b +". */
typedef struct {
    formula_step steps[FORMULA_STEPS_MAX];
    size_t count;
} formula;

bool formula_read(span text, formula_atoms *atoms, arena *memory, formula *ret, err *e) MUST_CHECK;
/* `now` and `before`: the values of all atoms, and those of the sample before. NAN: there is none,
 * also when something was divided by zero. */
double formula_value(const formula *f, const double *now, const double *before);
