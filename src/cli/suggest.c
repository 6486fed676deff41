#include "cli/cli_internal.h"

#define WORD_SIZE_MAX ((size_t)64)

/* Edits (insert, remove, replace, swap of neighbours) between two words of at most WORD_SIZE_MAX.
 */
static size_t distance(const char *a, const char *b)
{
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);
    assert(a_size <= WORD_SIZE_MAX);
    assert(b_size <= WORD_SIZE_MAX);
    size_t rows[3][WORD_SIZE_MAX + 1];
    for (size_t k = 0; k <= b_size; k++)
        rows[0][k] = k;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *now = rows[i % 3];
        const size_t *before = rows[(i + 2) % 3];
        const size_t *earlier = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t k = 1; k <= b_size; k++) {
            size_t same = a[i - 1] == b[k - 1] ? 0 : 1;
            now[k] = size_min(size_min(before[k], now[k - 1]) + 1, before[k - 1] + same);
            bool swapped = i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1];
            if (swapped) now[k] = size_min(now[k], earlier[k - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

const char *nearest(const char *word, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    size_t size = strlen(word);
    if (size == 0 || size > WORD_SIZE_MAX) return NULL;
    size_t best_distance = size_max(size / 3, 1) + 1; /* a third of the word may be wrong */
    for (size_t i = 0; i < count; i++) {
        if (strlen(candidates[i]) > WORD_SIZE_MAX) continue;
        bool begun = size >= 3 && strncmp(word, candidates[i], size) == 0;
        size_t d = begun ? 1 : distance(word, candidates[i]);
        if (d >= best_distance) continue;
        best = candidates[i];
        best_distance = d;
    }
    return best;
}
