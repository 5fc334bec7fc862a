/* Addresses, networks, and the way from the nearest proxy to the client. */
#include "common/peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

#include "common/arena.h"
#include "common/request.h"

static const unsigned char v4_prefix[12] = {[10] = 0xFF, [11] = 0xFF};

static bool is_v4(struct address address)
{
    return memcmp(address.bytes, v4_prefix, sizeof v4_prefix) == 0;
}

static struct text trimmed(struct text text)
{
    while (text.len && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = (struct text){text.ptr + 1, text.len - 1};
    while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

bool address_read(struct text text, struct address *address)
{
    char string[INET6_ADDRSTRLEN];

    if (text.len == 0 || text.len >= sizeof string)
        return false;
    memcpy(string, text.ptr, text.len);
    string[text.len] = '\0';
    if (inet_pton(AF_INET6, string, address->bytes) == 1)
        return true;
    memcpy(address->bytes, v4_prefix, sizeof v4_prefix);
    return inet_pton(AF_INET, string, address->bytes + sizeof v4_prefix) == 1;
}

struct text address_text(struct arena *arena, struct address address)
{
    char string[INET6_ADDRSTRLEN] = "";

    if (is_v4(address)) {
        inet_ntop(AF_INET, address.bytes + sizeof v4_prefix, string, sizeof string);
        return text_format(arena, "%s", string);
    }
    memset(address.bytes + 8, 0, 8);
    inet_ntop(AF_INET6, address.bytes, string, sizeof string);
    return text_format(arena, "%s/64", string);
}

static bool network_read(struct text text, struct network *network)
{
    struct text address;
    int64_t bits, bits_max;

    text_next(&text, '/', &address);
    if (!address_read(address, &network->address))
        return false;
    bits = bits_max = is_v4(network->address) ? 32 : 128;
    if (text.ptr && !text_to_int64(text, 0, bits_max, &bits))
        return false;
    network->bits = (unsigned)(bits + 128 - bits_max);
    return true;
}

bool networks_read(struct text list, struct networks *networks)
{
    struct text piece;

    networks->count = 0;
    while (list.len && text_next(&list, ',', &piece))
        if (networks->count == NETWORKS_MAX || !network_read(trimmed(piece), &networks->items[networks->count++]))
            return false;
    return true;
}

static bool network_holds(const struct network *network, struct address address)
{
    const unsigned whole = network->bits / 8, rest = network->bits % 8;

    if (memcmp(network->address.bytes, address.bytes, whole) != 0)
        return false;
    return rest == 0 || (network->address.bytes[whole] ^ address.bytes[whole]) >> (8 - rest) == 0;
}

bool networks_hold(const struct networks *networks, struct address address)
{
    for (size_t i = 0; i < networks->count; i++)
        if (network_holds(&networks->items[i], address))
            return true;
    return false;
}

/* Takes the last piece off a comma list; false at its beginning. */
static bool take_last(struct text *list, struct text *piece)
{
    size_t start = list->len;

    if (!list->ptr)
        return false;
    while (start && list->ptr[start - 1] != ',')
        start--;
    *piece = trimmed((struct text){list->ptr + start, list->len - start});
    *list = start ? (struct text){list->ptr, start - 1} : TEXT_NONE;
    return true;
}

/* Steps over to who is said to be behind `address`, as long as those who say it are trusted. False: it ends here. */
static bool follow(const struct networks *trusted, struct text list, struct address *address)
{
    struct address behind;
    struct text piece;

    while (take_last(&list, &piece)) {
        if (!address_read(piece, &behind))
            return false;
        *address = behind;
        if (!networks_hold(trusted, behind))
            return false;
    }
    return true;
}

bool peer_address(const struct networks *trusted, struct text peer, const struct head *head, struct address *address)
{
    if (!address_read(peer, address))
        return false;
    if (!networks_hold(trusted, *address))
        return true;
    for (size_t i = head->header_count; i > 0; i--) {
        const struct header *header = &head->headers[i - 1];

        if (header->name.len == sizeof "X-Forwarded-For" - 1 &&
            strncasecmp(header->name.ptr, "X-Forwarded-For", header->name.len) == 0 &&
            !follow(trusted, header->value, address))
            break;
    }
    return true;
}
