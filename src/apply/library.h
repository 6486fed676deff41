/* apply/library.h: the name of a library of functions. Pure. */
#pragma once
#include "base/span.h"

/* "#!lua name=shop" -> "shop": it stands in the first line of the code. False: not there. */
bool library_name(span code, span *ret);
