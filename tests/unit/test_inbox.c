/* inbox: what a runner has in hand, and the memory that it lives in. */
#include "tests/unit/support.h"

#include "common/arena.h"
#include "common/inbox.h"

/* One answer of Redis with so many entries, the first of them with this number. */
static void read_some(struct inbox *inbox, uint64_t from, size_t count)
{
    struct arena *arena = arena_new();

    inbox_keep_arena(inbox, arena);
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = ARENA_NEW(arena, struct entry);

        entry->id = (struct entry_id){1, from + i};
        inbox_add(inbox, entry);
    }
}

static void what_was_read_is_freed_when_its_last_entry_is_settled_though_more_was_read_meanwhile(void **state)
{
    struct inbox inbox = {0};

    (void)state;
    read_some(&inbox, 0, 3);
    inbox_pick(&inbox, 2, false);
    read_some(&inbox, 3, 3);
    assert_int_equal(inbox.reading_count, 2);
    inbox_settle(&inbox); /* 0 and 1; 2 is left of the first */
    assert_int_equal(inbox.reading_count, 2);
    inbox_pick(&inbox, 2, false);
    inbox_settle(&inbox);
    assert_int_equal(inbox.reading_count, 1);
    assert_int_equal(inbox.todo.count, 2);
    assert_int_equal(inbox.todo.list[0]->id.seq, 4);
    inbox_pick(&inbox, 2, false);
    inbox_settle(&inbox);
    assert_int_equal(inbox.reading_count, 0);
    inbox_free(&inbox);
}

static void what_is_put_back_or_refused_stays(void **state)
{
    struct inbox inbox = {0};

    (void)state;
    read_some(&inbox, 0, 1);
    inbox_pick(&inbox, 1, false);
    inbox_put_back(&inbox);
    read_some(&inbox, 1, 1);
    inbox_pick(&inbox, 1, false);
    inbox_refuse_under_way(&inbox);
    inbox_settle(&inbox); /* nothing was said of it yet */
    assert_int_equal(inbox.reading_count, 2);
    inbox.refused_emitted = 1;
    inbox_settle(&inbox);
    assert_int_equal(inbox.reading_count, 1);
    assert_int_equal(inbox.todo.list[0]->id.seq, 1);
    inbox_free(&inbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_read_is_freed_when_its_last_entry_is_settled_though_more_was_read_meanwhile),
        cmocka_unit_test(what_is_put_back_or_refused_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
