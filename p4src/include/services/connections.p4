// SPDX-License-Identifier: Apache-2.0
// Part of the main control: the state of learned flows. A learned entry can't be changed, so each refers to a slot of eight registers.
// A slot is reused after 2^18 newer flows: a flow that finds its slot used by another takes it over with a fresh state, which can only make
// it live longer.
//
// A TCP packet is valid if it acknowledges approximately what the other end sent last (RFC 5961, section 5): a forger of one end does not
// see the other's numbers. Only a valid packet changes a timer. An end's own numbers are recorded without validation, so an
// invalid packet has no effect beyond the next genuine one.
//
// The code is written to keep p4c from recomputing values at each use: it does so for expressions, but not for the results of branches.

    Register<bit<32>, bit<32>>(CONNECTION_WORDS) connections;
    // The name of the last assigned slot: the index of its first word, with more bits than there are words.
    Register<bit<32>, bit<32>>(1) slots;

// The end of a flow that lost its slot can't be detected: remove it from its port's share now. (Of the masked state, the bits of OPEN
// are the highest. Masked in place: a mask at each comparison would take metadata.)
#define FORGET_DISPLACED(first_word) \
    hdr.slot.displaced = hdr.slot.displaced & OPEN_OR_CLOSED; \
    if (hdr.slot.displaced >= OPEN) { \
        if (hdr.slot.displaced != OPEN_OR_CLOSED) { \
            meta.at = first_word + SLOT_PORT; \
            hdr.share.port = connections.read(meta.at); \
            ONE_LESS(open_connections) \
        } \
    }

#define FIND_SLOT(slot) \
        hdr.slot.owner = connections.read(slot); \
        meta.at = slot + SLOT_STATE; \
        if (hdr.slot.owner == slot) { \
            hdr.slot.known = connections.read(meta.at); \
            hdr.slot.displaced = 0; \
        } else { \
            hdr.slot.known = 0; \
            hdr.slot.displaced = connections.read(meta.at); \
            hdr.slot.first = slot; \
            hdr.slot.changed = 1; \
            connections.write(slot, slot); \
            connections.write(meta.at, 0); \
        }

// Zero if the packet acknowledges approximately what the other end sent last. The recorded numbers include the header lengths; the
// comparison allows for them.
#define READ_NEARNESS(slot) \
        if (hdr.slot.of_server == 1) { \
            meta.at = slot + SLOT_CLIENT_SENT; \
            hdr.slot.near = connections.read(meta.at); \
        } else { \
            meta.at = slot + SLOT_SERVER_SENT; \
            hdr.slot.near = connections.read(meta.at); \
        } \
        hdr.slot.near = hdr.slot.near - hdr.tcp.acknowledgment; \
        hdr.slot.near = hdr.slot.near + ACKNOWLEDGED_NEAR; \
        hdr.slot.near = hdr.slot.near & ACKNOWLEDGED_FAR;

#define WRITE_NUMBERS(slot) \
        if (hdr.slot.of_server == 1) { \
            meta.at = slot + SLOT_SERVER_SENT; \
            connections.write(meta.at, hdr.slot.sent); \
            meta.at = slot + SLOT_SERVER_ACKED; \
            connections.write(meta.at, hdr.tcp.acknowledgment); \
        } else { \
            meta.at = slot + SLOT_CLIENT_SENT; \
            connections.write(meta.at, hdr.slot.sent); \
            meta.at = slot + SLOT_CLIENT_ACKED; \
            connections.write(meta.at, hdr.tcp.acknowledgment); \
        }

// Most packets: of an open connection, without starting or closing anything.
#define TRACK_TCP(slot) \
        FIND_SLOT(slot) \
        READ_NEARNESS(slot) \
        if (hdr.slot.kind == KIND_ACK && hdr.slot.known == OPEN) { \
            if (hdr.slot.near == 0) { \
                meta.expiry = EXPIRE_43200; \
                meta.new_expiry = EXPIRE_43200; \
            } \
            hdr.slot.sent = hdr.tcp.sequence + (bit<32>) hdr.ipv4.total_length; \
            WRITE_NUMBERS(slot) \
        } else { \
            hdr.slot.first = slot; \
            meta.at = slot + SLOT_STATE; \
            hdr.slot.state = connections.read(meta.at); \
            TRACK_CHANGE(slot) \
        }

#define TRACK_CHANGE(slot) \
            if (hdr.slot.of_server == 1) { \
                hdr.slot.closes = SERVER_CLOSED; \
                hdr.slot.speaks = SERVER_SPOKE; \
                hdr.slot.spoken_to = hdr.slot.state & CLIENT_SPOKE; \
            } else { \
                hdr.slot.closes = CLIENT_CLOSED; \
                hdr.slot.speaks = CLIENT_SPOKE; \
                hdr.slot.spoken_to = hdr.slot.state & SERVER_SPOKE; \
            } \
            hdr.slot.believed = 0; \
            hdr.work.bits = hdr.tcp.flags & TCP_ACK; \
            if (hdr.work.bits != 0 && hdr.slot.spoken_to != 0 && hdr.slot.near == 0) { \
                hdr.slot.believed = 1; \
            } \
            if (hdr.slot.kind == KIND_RESET) { \
                if (hdr.slot.of_server == 1) { \
                    meta.at = slot + SLOT_SERVER_SENT; \
                    hdr.slot.near = connections.read(meta.at); \
                    meta.at = slot + SLOT_CLIENT_ACKED; \
                    hdr.slot.sent = connections.read(meta.at); \
                } else { \
                    meta.at = slot + SLOT_CLIENT_SENT; \
                    hdr.slot.near = connections.read(meta.at); \
                    meta.at = slot + SLOT_SERVER_ACKED; \
                    hdr.slot.sent = connections.read(meta.at); \
                } \
                hdr.slot.near = hdr.slot.near - hdr.tcp.sequence; \
                hdr.slot.near = hdr.slot.near & HEADERS_FAR; \
                if (hdr.slot.believed == 1 && hdr.slot.near != 0) { \
                    hdr.slot.believed = 0; \
                } \
                if (hdr.slot.spoken_to != 0 && hdr.slot.sent == hdr.tcp.sequence) { \
                    hdr.slot.believed = 1; \
                } \
                if (hdr.slot.believed == 1) { \
                    meta.expiry = EXPIRE_10; \
                    hdr.slot.state = hdr.slot.state | BOTH_CLOSED; \
                } \
            } else { \
                hdr.slot.sent = hdr.tcp.sequence + (bit<32>) hdr.ipv4.total_length; \
                WRITE_NUMBERS(slot) \
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
            if (hdr.slot.state != hdr.slot.known) { \
                hdr.slot.changed = 1; \
                meta.at = slot + SLOT_STATE; \
                connections.write(meta.at, hdr.slot.state); \
            }

// RFC 9260, 8.5: each end puts the tag chosen by the other into all its packets except INIT. The first one is assumed to be correct.
#define TRACK_SCTP(slot) \
        FIND_SLOT(slot) \
        hdr.slot.first = slot; \
        if (hdr.slot.of_server == 1) { \
            meta.at = slot + SLOT_SERVER_ACKED; \
            hdr.slot.speaks = SERVER_TAGGED; \
            hdr.slot.spoken_to = hdr.slot.known & SERVER_TAGGED; \
            hdr.slot.state = hdr.slot.known | ESTABLISHED; \
        } else { \
            meta.at = slot + SLOT_CLIENT_ACKED; \
            hdr.slot.speaks = CLIENT_TAGGED; \
            hdr.slot.spoken_to = hdr.slot.known & CLIENT_TAGGED; \
            hdr.slot.state = hdr.slot.known; \
        } \
        if (hdr.sctp.verification_tag == 0) { \
            meta.expiry = EXPIRE_UNTOUCHED; \
        } else if (hdr.slot.spoken_to == 0) { \
            connections.write(meta.at, hdr.sctp.verification_tag); \
            hdr.slot.state = hdr.slot.state | hdr.slot.speaks; \
        } else { \
            hdr.slot.sent = connections.read(meta.at); \
            if (hdr.slot.sent != hdr.sctp.verification_tag) { \
                meta.expiry = EXPIRE_UNTOUCHED; \
            } \
        } \
        if (hdr.slot.state != hdr.slot.known) { \
            hdr.slot.changed = 1; \
            meta.at = slot + SLOT_STATE; \
            connections.write(meta.at, hdr.slot.state); \
        }

// The first entry that a packet hits tracks it.
#define TRACK(slot) \
        if (hdr.slot.due == DUE_TCP) { \
            hdr.slot.due = DUE_NOT; \
            TRACK_TCP(slot) \
        } else if (hdr.slot.due == DUE_SCTP) { \
            hdr.slot.due = DUE_NOT; \
            TRACK_SCTP(slot) \
        } else if (hdr.slot.due == DUE_ANSWER) { \
            hdr.slot.due = DUE_NOT; \
            FIND_SLOT(slot) \
            if (hdr.slot.known == 0) { \
                hdr.slot.first = slot; \
                hdr.slot.changed = 1; \
                hdr.slot.state = ESTABLISHED; \
                meta.at = slot + SLOT_STATE; \
                connections.write(meta.at, ESTABLISHED); \
            } \
        }
