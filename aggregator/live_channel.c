/* Channels by name, in a table of fixed size: there are at most as many as listeners. */
#include "aggregator/live_channel.h"

#include <stdlib.h>

#include "common/answer.h"
#include "common/bounds.h"
#include "common/buffer.h"
#include "common/id.h"
#include "common/log.h"

struct live_channel {
    struct live_channel *next; /* in its slot */
    struct live_channel *next_told;
    enum live_subject subject;
    struct live_listener *listeners;
    bool is_told; /* something was added */
    struct buffer buffer;
    struct text name;
    char name_bytes[]; /* behind it, so that they are freed together */
};

static struct {
    struct live_channel *slots[LIVE_SLOTS];
    struct live_channel *told;
} state;

static struct live_channel **find(enum live_subject subject, struct text name)
{
    struct live_channel **slot = &state.slots[(content_hash(&name, 1) + subject) % LIVE_SLOTS];

    while (*slot && ((*slot)->subject != subject || !text_equal((*slot)->name, name)))
        slot = &(*slot)->next;
    return slot;
}

static struct live_channel *make(enum live_subject subject, struct text name)
{
    struct live_channel *channel = calloc(1, sizeof *channel + name.len);

    if (!channel)
        log_fatal(EXIT_TEMPORARY, "out of memory", NULL);
    channel->subject = subject;
    if (name.len)
        memcpy(channel->name_bytes, name.ptr, name.len);
    channel->name = (struct text){channel->name_bytes, name.len};
    return channel;
}

void live_join(struct live_listener *listener, enum live_subject subject, struct text name)
{
    struct live_channel **slot = find(subject, name);

    if (!*slot)
        *slot = make(subject, name);
    listener->channel = *slot;
    listener->next = (*slot)->listeners;
    listener->link = &(*slot)->listeners;
    if (listener->next)
        listener->next->link = &listener->next;
    (*slot)->listeners = listener;
}

/* A channel that has something to send is freed when it was sent. */
static void free_if_empty(struct live_channel *channel)
{
    struct live_channel **slot;

    if (channel->listeners || channel->is_told)
        return;
    slot = find(channel->subject, channel->name);
    *slot = channel->next;
    free(channel);
}

void live_leave(struct live_listener *listener)
{
    struct live_channel *channel = listener->channel;

    if (!channel)
        return;
    *listener->link = listener->next;
    if (listener->next)
        listener->next->link = listener->link;
    listener->channel = NULL;
    free_if_empty(channel);
}

void live_add(struct arena *arena, enum live_subject subject, struct text name, struct text text)
{
    struct live_channel *channel = *find(subject, name);

    if (!channel)
        return;
    if (!channel->is_told) {
        channel->is_told = true;
        channel->buffer = buffer_in(arena);
        channel->next_told = state.told;
        state.told = channel;
    }
    buffer_add(&channel->buffer, text);
}

/* A listener who reads too slowly is told so by on_gone, later: he stays in the list until then. */
static void write_to(struct live_channel *channel, struct text text)
{
    for (struct live_listener *listener = channel->listeners; listener; listener = listener->next)
        (void)answer_stream_write(listener->stream, text);
}

void live_send(struct text end)
{
    struct live_channel *channel = state.told, *next;

    state.told = NULL;
    for (; channel; channel = next) {
        next = channel->next_told;
        channel->is_told = false;
        buffer_add(&channel->buffer, end);
        write_to(channel, buffer_take(&channel->buffer));
        free_if_empty(channel);
    }
}

void live_send_all(struct text text)
{
    for (size_t i = 0; i < LIVE_SLOTS; i++)
        for (struct live_channel *channel = state.slots[i]; channel; channel = channel->next)
            write_to(channel, text);
}
