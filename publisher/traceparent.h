/* W3C trace context: is this header one that the next program can go on with? */
#ifndef KARCIS_TRACEPARENT_H
#define KARCIS_TRACEPARENT_H

#include <stdbool.h>
#include "common/text.h"

/* version-trace-parent-flags in lower-case hex, no id all zeros, version not ff; what follows a later version's flags
 * is accepted, as the specification asks (www.w3.org/TR/trace-context, section 3.2.2). */
bool traceparent_is_valid(struct text header);

#endif
