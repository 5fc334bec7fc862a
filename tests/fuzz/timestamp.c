/* A time that can be read can be written, and what was written is read as the same moment. */
#include "tests/fuzz/fuzz.h"

#include "common/arena.h"
#include "common/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *copy = fuzz_copy(bytes, len);
    const struct text text = {copy, len};
    static struct arena *arena;
    struct text written;
    int64_t us, again_us;
    bool is_read;

    if (!arena)
        arena = arena_new();
    arena_reset(arena);
    is_read = time_parse(text, &us);
    free(copy);
    if (!is_read)
        return 0;
    written = time_text(arena, us / 1000);
    must(time_parse(written, &again_us));
    must(again_us == us / 1000 * 1000);
    return 0;
}
