/* audit/findings_page.h: the page of the rules, for 'make docs'. */
#pragma once
#include <stdio.h>

void audit_findings_page(FILE *out);
