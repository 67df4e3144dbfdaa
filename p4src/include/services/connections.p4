// SPDX-License-Identifier: Apache-2.0
// Part of the main control: the state of learned flows. A learned entry can't be changed, so each names a slot of eight registers. A slot
// is given again after 2^18 newer flows: a flow that finds another's name in it takes it over and starts from nothing, which can only make
// it live longer.
//
// A TCP packet is believed if it acknowledges about what the other end sent last (RFC 5961, section 5): whoever forges one end doesn't
// see the other's numbers. Only a packet that is believed touches a timer. What an end says of itself is noted unseen, so a packet that
// isn't believed does no harm beyond the next genuine one.
//
// How it is written keeps p4c from computing a value anew at each use: it does so with expressions, not with what branches left behind.

    Register<bit<32>, bit<32>>(CONNECTION_WORDS) connections;
    // The slot that was given last, as it is named: the index of its first word, of more bits than there are words.
    Register<bit<32>, bit<32>>(1) slots;

#define FIND_SLOT(slot) \
        hdr.slot.first = slot; \
        hdr.slot.owner = connections.read(slot); \
        hdr.slot.at = slot + SLOT_STATE; \
        if (hdr.slot.owner == slot) { \
            hdr.slot.state = connections.read(hdr.slot.at); \
        } else { \
            hdr.slot.state = 0; \
            connections.write(slot, slot); \
            connections.write(hdr.slot.at, 0); \
        } \
        hdr.slot.former_state = hdr.slot.state;

#define TRACK_TCP(slot) \
        FIND_SLOT(slot) \
        if (hdr.slot.of_server == 1) { \
            hdr.slot.own = slot + SLOT_SERVER_SENT; \
            hdr.slot.other = slot + SLOT_CLIENT_SENT; \
            hdr.slot.own_ack = slot + SLOT_SERVER_ACKED; \
            hdr.slot.closes = SERVER_CLOSED; \
            hdr.slot.speaks = SERVER_SPOKE; \
            hdr.slot.spoken_to = hdr.slot.state & CLIENT_SPOKE; \
        } else { \
            hdr.slot.own = slot + SLOT_CLIENT_SENT; \
            hdr.slot.other = slot + SLOT_SERVER_SENT; \
            hdr.slot.own_ack = slot + SLOT_CLIENT_ACKED; \
            hdr.slot.closes = CLIENT_CLOSED; \
            hdr.slot.speaks = CLIENT_SPOKE; \
            hdr.slot.spoken_to = hdr.slot.state & SERVER_SPOKE; \
        } \
        hdr.slot.near = connections.read(hdr.slot.other); \
        hdr.slot.near = hdr.slot.near - hdr.tcp.acknowledgment; \
        hdr.slot.near = hdr.slot.near + ACKNOWLEDGED_NEAR; \
        hdr.slot.near = hdr.slot.near & ACKNOWLEDGED_FAR; \
        hdr.slot.believed = 0; \
        if (hdr.slot.acknowledges == 1 && hdr.slot.spoken_to != 0 && hdr.slot.near == 0) { \
            hdr.slot.believed = 1; \
        } \
        if (hdr.slot.kind == KIND_RESET) { \
            hdr.slot.sent = connections.read(hdr.slot.own); \
            if (hdr.slot.believed == 1 && hdr.slot.sent != hdr.tcp.sequence) { \
                hdr.slot.believed = 0; \
            } \
            if (hdr.slot.of_server == 1) { \
                hdr.slot.own_ack = slot + SLOT_CLIENT_ACKED; \
            } else { \
                hdr.slot.own_ack = slot + SLOT_SERVER_ACKED; \
            } \
            hdr.slot.sent = connections.read(hdr.slot.own_ack); \
            if (hdr.slot.spoken_to != 0 && hdr.slot.sent == hdr.tcp.sequence) { \
                hdr.slot.believed = 1; \
            } \
            if (hdr.slot.believed == 1) { \
                meta.expiry = EXPIRE_10; \
                hdr.slot.state = hdr.slot.state | BOTH_CLOSED; \
            } \
        } else { \
            if (hdr.tcp.data_offset == 0x50) { \
                hdr.slot.length = 0x50; \
            } else { \
                hdr.slot.length = (bit<32>) hdr.tcp.data_offset; \
            } \
            hdr.slot.length = hdr.slot.length & 0xf0; \
            hdr.slot.length = hdr.slot.length >> 2; \
            if (hdr.slot.kind == KIND_PLAIN) { \
                hdr.slot.sent = hdr.tcp.sequence - 20; \
            } else { \
                hdr.slot.sent = hdr.tcp.sequence - 19; \
            } \
            hdr.slot.sent = hdr.slot.sent - hdr.slot.length; \
            hdr.slot.sent = hdr.slot.sent + (bit<32>) hdr.ipv4.total_length; \
            connections.write(hdr.slot.own, hdr.slot.sent); \
            connections.write(hdr.slot.own_ack, hdr.tcp.acknowledgment); \
            hdr.slot.state = hdr.slot.state | hdr.slot.speaks; \
            if (hdr.slot.believed == 1) { \
                if (hdr.slot.kind == KIND_SYN) { \
                    hdr.slot.state = BOTH_SPOKE; \
                    meta.expiry = EXPIRE_60; \
                } else { \
                    if (hdr.slot.kind == KIND_FIN) { \
                        hdr.slot.state = hdr.slot.state | hdr.slot.closes; \
                        hdr.slot.closes = hdr.slot.state & BOTH_CLOSED; \
                    } else { \
                        hdr.slot.closes = hdr.slot.state & BOTH_CLOSED; \
                    } \
                    if (hdr.slot.closes == BOTH_CLOSED) { \
                        meta.expiry = EXPIRE_60; \
                    } else if (hdr.slot.of_server == 0) { \
                        hdr.slot.state = hdr.slot.state | ESTABLISHED; \
                        meta.expiry = EXPIRE_43200; \
                        meta.new_expiry = EXPIRE_43200; \
                    } else if (hdr.slot.state >= ESTABLISHED) { \
                        meta.expiry = EXPIRE_43200; \
                        meta.new_expiry = EXPIRE_43200; \
                    } \
                } \
            } \
        } \
        if (hdr.slot.state != hdr.slot.former_state) { \
            hdr.slot.at = slot + SLOT_STATE; \
            connections.write(hdr.slot.at, hdr.slot.state); \
        }

// The first entry that a packet meets tracks it.
#define TRACK(slot) \
        if (hdr.slot.due == DUE_TCP) { \
            hdr.slot.due = DUE_NOT; \
            TRACK_TCP(slot) \
        } else if (hdr.slot.due == DUE_ANSWER) { \
            hdr.slot.due = DUE_NOT; \
            FIND_SLOT(slot) \
            if (hdr.slot.state == 0) { \
                hdr.slot.state = ESTABLISHED; \
                hdr.slot.at = slot + SLOT_STATE; \
                connections.write(hdr.slot.at, ESTABLISHED); \
            } \
        }
