/* A time that can be read can be written, and what was written is read as the same moment. */
#include <assert.h>

#include "common/arena.h"
#include "common/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct text text = {(const char *)bytes, len};
    static struct arena *arena;
    struct text written;
    int64_t us, again_us;

    if (!arena)
        arena = arena_new();
    arena_reset(arena);
    if (!time_parse(text, &us))
        return 0;
    written = time_text(arena, us / 1000);
    assert(time_parse(written, &again_us));
    assert(again_us == us / 1000 * 1000);
    return 0;
}
