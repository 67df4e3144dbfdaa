// SPDX-License-Identifier: Apache-2.0
// Part of the main control's apply block: what is learned about a packet that no policy denied, and the rewriting of both directions.

                    if (meta.plan != PLAN_NONE) {
                        if (hdr.flow.pinned == 0 && meta.refusal == DROP_NONE && meta.drop_reason == DROP_NONE) {
                            // ---- The backend of a client with session affinity
                            if (hdr.choice.sticky == STICKY_AGED) {
                                meta.at = hdr.choice.slot + CLIENT_SEEN;
                                clients.write(meta.at, hdr.choice.now);
                                meta.at = hdr.choice.slot + CLIENT_BACKEND;
                                clients.write(meta.at, meta.backend_id);
                            } else if (hdr.choice.sticky == STICKY_NEW) {
                                // A flow that exceeds the share is not learned and uses its hash, as before.
                                SHARES_OF_PORT
                                READ_SHARE(SHARE_CLIENTS, EXPIRE_43200, known_clients, POD_CLIENTS, NODE_CLIENTS)
                                if (hdr.share.count < hdr.share.limit) {
                                    hdr.share.count = hdr.share.count + 1;
                                    known_clients.write(hdr.guard.port, hdr.share.count);
                                    hdr.choice.slot = client_slots.read(0);
                                    hdr.choice.slot = hdr.choice.slot + CLIENT_SLOT_WORDS;
                                    if (hdr.choice.slot == 0) {
                                        hdr.choice.slot = CLIENT_SLOT_WORDS;
                                    }
                                    client_slots.write(0, hdr.choice.slot);
                                    clients.write(hdr.choice.slot, hdr.choice.slot);
                                    meta.at = hdr.choice.slot + CLIENT_SEEN;
                                    clients.write(meta.at, hdr.choice.now);
                                    meta.at = hdr.choice.slot + CLIENT_BACKEND;
                                    clients.write(meta.at, meta.backend_id);
                                    meta.at = hdr.choice.slot;
                                    hdr.flow.learn = 1;
                                    affinities.apply();
                                }
                            }

                            // ---- A new flow counts against its port's share
                            if (meta.slot == 0) {
                                SHARES_OF_PORT
                                if (meta.protocol == PROTOCOL_TCP) {
                                    READ_SHARE(SHARE_CONNECTIONS, EXPIRE_43200, open_connections, POD_CONNECTIONS, NODE_CONNECTIONS)
                                } else {
                                    READ_SHARE(SHARE_DATAGRAMS, EXPIRE_120, datagrams, POD_DATAGRAMS, NODE_DATAGRAMS)
                                }
                                if (hdr.share.count >= hdr.share.limit) {
                                    meta.drop_reason = DROP_SHARE;
                                } else {
                                    READ_SHARE(SHARE_UNANSWERED, EXPIRE_60, unanswered, POD_UNANSWERED, NODE_UNANSWERED)
                                    if (hdr.share.count >= hdr.share.limit) {
                                        meta.drop_reason = DROP_SHARE;
                                    } else {
                                        hdr.share.count = hdr.share.count + 1;
                                        unanswered.write(hdr.guard.port, hdr.share.count);
                                    }
                                }
                                if (meta.drop_reason == DROP_NONE) {
                                    meta.slot = slots.read(0);
                                    meta.slot = meta.slot + SLOT_WORDS;
                                    if (meta.slot == 0) {
                                        meta.slot = SLOT_WORDS;
                                    }
                                    slots.write(0, meta.slot);
                                    meta.at = meta.slot + SLOT_STATE;
                                    hdr.slot.displaced = connections.read(meta.at);
                                    FORGET_DISPLACED(meta.slot)
                                    connections.write(meta.slot, meta.slot);
                                    meta.at = meta.slot + SLOT_PORT;
                                    connections.write(meta.at, hdr.guard.port);
                                    if (hdr.tcp.isValid() && hdr.flow.starts == 1) {
                                        hdr.slot.sent = hdr.tcp.sequence + 1;
                                        hdr.slot.near = CLIENT_SPOKE;
                                    } else {
                                        hdr.slot.sent = 0;
                                        hdr.slot.near = 0;
                                    }
                                    meta.at = meta.slot + SLOT_CLIENT_SENT;
                                    connections.write(meta.at, hdr.slot.sent);
                                    meta.at = meta.slot + SLOT_STATE;
                                    connections.write(meta.at, hdr.slot.near);
                                } else if (meta.plan == PLAN_DIRECT) {
                                    // It works without an entry, except alongside a service flow.
                                    drops.count(meta.drop_reason);
                                    meta.drop_reason = DROP_NONE;
                                    meta.plan = PLAN_NONE;
                                }
                            }
                        }

                        // ---- The source that the other end sees
                        if (meta.refusal == DROP_NONE && meta.drop_reason == DROP_NONE && meta.plan != PLAN_NONE) {
                            meta.local_ip = meta.client_ip;
                            meta.local_port = meta.client_port;
                            if (hdr.flow.pinned == 0 && meta.plan != PLAN_DIRECT) {
                                if (meta.client_ip == meta.remote_ip) {
                                    // A client that is its own backend. Beyond the uplink, it must be able to answer.
                                    if (meta.port_class == CLASS_POD) {
                                        meta.pool = POOL_HAIRPIN;
                                    } else if (meta.pool == POOL_NONE) {
                                        meta.pool = POOL_NODE;
                                    }
                                }
                                if (hdr.flow.on_host == 1) {
                                    // The node drops packets with its own source; its answers pass the pipeline anyway.
                                    meta.pool = POOL_NONE;
                                    if (meta.port_class == CLASS_HOST) {
                                        meta.pool = POOL_HAIRPIN;
                                    }
                                } else if (meta.pool == POOL_NONE && meta.plan == PLAN_BALANCE) {
                                    // A backend outside the cluster sees the pod as any other destination there, and no backend on
                                    // another machine sees an internal address of the host. One of this node's pods sees the source: it
                                    // answers through this pipeline. (`choose.p4` looked the backend up in `pods`.)
                                    hdr.leaving.pool = POOL_NONE;
                                    if (meta.port_class == CLASS_POD) {
                                        hdr.leaving.ip = meta.remote_ip;
                                        outgoing.apply();
                                    } else if (meta.from_node == FROM_INTERNAL) {
                                        hdr.leaving.pool = POOL_NODE;
                                    }
                                    if (hdr.leaving.pool != POOL_NONE && hdr.judge.pod == POD_NONE) {
                                        meta.pool = hdr.leaving.pool;
                                    }
                                }
                                if (meta.port_class == CLASS_POD && meta.protocol == PROTOCOL_UDP) {
                                    // As for packets that a pod sends to these ports itself (`nodes/decapsulate.p4`).
                                    if (meta.remote_port == PORT_VXLAN || meta.remote_port == PORT_VXLAN_LINUX) {
                                        meta.drop_reason = DROP_TUNNEL;
                                    }
                                }
                            }
                            if (meta.pool == POOL_OWN) {
                                meta.local_port = meta.source_port;
                            } else if (meta.pool != POOL_NONE) {
                                pools.apply();
                                if (hdr.flow.pinned == 1) {
                                    meta.local_port = meta.source_port;
                                } else if (meta.protocol != PROTOCOL_SCTP && meta.drop_reason == DROP_NONE) {
                                    hdr.range.attempt = attempts.read(0);
                                    hdr.range.attempt = hdr.range.attempt + 1;
                                    attempts.write(0, hdr.range.attempt);
                                    meta.port_offset = meta.port_offset + hdr.range.attempt;
                                    PORT_OF_OFFSET
                                }
                            }
                        }
                        if (meta.refusal == DROP_NONE && meta.drop_reason == DROP_NONE && meta.plan != PLAN_NONE) {
                            hdr.flow.learn = 1;
                            replies.apply();
                            if (hdr.flow.collides == 1 && hdr.flow.pinned == 0) {
                                if (meta.protocol != PROTOCOL_SCTP) {
                                    if (meta.pool == POOL_NONE) {
                                        if (hdr.flow.on_host == 1) {
                                            meta.pool = POOL_HAIRPIN;
                                            pools.apply();
                                        } else {
                                            meta.pool = POOL_NODE;
                                            pools.apply();
                                            meta.pool = POOL_OWN;
                                            meta.local_ip = meta.client_ip;
                                        }
                                    }
                                    if (meta.drop_reason == DROP_NONE) {
                                        TRY_NEXT_PORT
                                        TRY_NEXT_PORT
                                        TRY_NEXT_PORT
                                        TRY_NEXT_PORT
                                        TRY_NEXT_PORT
                                        TRY_NEXT_PORT
                                        TRY_NEXT_PORT
                                        TRY_NEXT_PORT
                                        TRY_NEXT_PORT
                                        TRY_NEXT_PORT
                                        TRY_NEXT_PORT
                                        TRY_NEXT_PORT
                                        TRY_NEXT_PORT
                                        TRY_NEXT_PORT
                                        TRY_NEXT_PORT
                                    }
                                }
                            }
                            if (hdr.flow.collides == 1) {
                                meta.drop_reason = DROP_MASQUERADE;
                            } else if (hdr.flow.pinned == 0) {
                                meta.source_port = meta.local_port;
                                if (meta.plan != PLAN_DIRECT || meta.pool != POOL_NONE) {
                                    flows.apply();
                                } else {
                                    // Nothing to rewrite.
                                    meta.plan = PLAN_NONE;
                                }
                            }
                        }
                    }

                    // ---- The effect of an answer or a close on the port's share
                    if (hdr.slot.changed == 1) {
                        FORGET_DISPLACED(hdr.slot.first)
                        hdr.slot.counted = 0;
                        hdr.slot.state = hdr.slot.state & COUNTED;
                        if (hdr.slot.state != COUNTED) {
                            if (hdr.slot.state >= ESTABLISHED) {
                                hdr.slot.counted = 1;
                            }
                        }
                        hdr.slot.known = hdr.slot.known & COUNTED;
                        if (hdr.slot.known != COUNTED) {
                            if (hdr.slot.known >= ESTABLISHED) {
                                hdr.slot.counted = hdr.slot.counted + 2;
                            }
                        }
                        meta.at = hdr.slot.first + SLOT_PORT;
                        if (hdr.slot.counted == 1) {
                            if (meta.protocol == PROTOCOL_TCP) {
                                // The client's own packet; the slot may have belonged to another flow.
                                hdr.share.port = hdr.guard.port;
                                connections.write(meta.at, hdr.guard.port);
                                ONE_MORE(open_connections)
                            } else {
                                hdr.share.port = connections.read(meta.at);
                                ONE_MORE(datagrams)
                            }
                            ONE_LESS(unanswered)
                        } else if (hdr.slot.counted == 2) {
                            hdr.share.port = connections.read(meta.at);
                            ONE_LESS(open_connections)
                        }
                    }

#include "../fragments/teach.p4"

                    // ---- The rewriting, in either direction
                    if (meta.drop_reason == DROP_NONE && (meta.plan != PLAN_NONE || hdr.flow.found == 1)) {
                        hdr.flow.rewritten = 1;
                        if (meta.refusal == DROP_NONE) {
                            if (hdr.tcp.isValid()) {
                                transport_sum.subtract(hdr.tcp.checksum);
                                transport_sum.subtract(hdr.tcp.src_port);
                                transport_sum.subtract(hdr.tcp.dst_port);
                                hdr.before.src_port = hdr.tcp.src_port;
                                hdr.before.dst_port = hdr.tcp.dst_port;
                                hdr.tcp.src_port = meta.local_port;
                                hdr.tcp.dst_port = meta.remote_port;
                                transport_sum.add(hdr.tcp.src_port);
                                transport_sum.add(hdr.tcp.dst_port);
                            } else if (hdr.udp.isValid()) {
                                transport_sum.subtract(hdr.udp.checksum);
                                transport_sum.subtract(hdr.udp.src_port);
                                transport_sum.subtract(hdr.udp.dst_port);
                                hdr.before.src_port = hdr.udp.src_port;
                                hdr.before.dst_port = hdr.udp.dst_port;
                                hdr.udp.src_port = meta.local_port;
                                hdr.udp.dst_port = meta.remote_port;
                                transport_sum.add(hdr.udp.src_port);
                                transport_sum.add(hdr.udp.dst_port);
                            }
                            if (hdr.icmp.isValid()) {
                                // The identifier takes the place of the requester's port. No pseudo header.
                                transport_sum.subtract(hdr.icmp.checksum);
                                transport_sum.subtract(hdr.icmp.identifier);
                                hdr.before.src_port = hdr.icmp.identifier;
                                hdr.icmp.identifier = meta.local_port;
                                if (hdr.flow.found == 1) {
                                    hdr.icmp.identifier = meta.remote_port;
                                }
                                transport_sum.add(hdr.icmp.identifier);
                            } else {
                                transport_sum.subtract(hdr.ipv4.src_ip);
                                transport_sum.subtract(hdr.before.dst_ip);
                                transport_sum.add(meta.local_ip);
                                transport_sum.add(meta.remote_ip);
                            }
                            header_sum.subtract(hdr.ipv4.src_ip);
                            header_sum.subtract(hdr.before.dst_ip);
                            hdr.ipv4.src_ip = meta.local_ip;
                            header_sum.add(hdr.ipv4.src_ip);
                            header_sum.add(hdr.ipv4.dst_ip);
                        } else {
                            // ---- Refused on behalf of the backend. The rest of the packet follows the answer: it can't be truncated.
                            if (meta.refusal == DROP_NO_FLOW) {
                                // RFC 9293, 3.10.7.1: a packet with ACK is answered with that number. A SYN has none.
                                hdr.work.bits = hdr.tcp.flags & (TCP_RST | TCP_ACK);
                                if (hdr.work.bits != TCP_ACK) {
                                    meta.refusal = DROP_NONE;
                                    meta.drop_reason = DROP_NO_FLOW;
                                } else {
                                    hdr.ipv4.total_length = 40;
                                    hdr.tcp.src_port = meta.service_port;
                                    hdr.tcp.dst_port = meta.client_port;
                                    hdr.tcp.sequence = hdr.tcp.acknowledgment;
                                    hdr.tcp.acknowledgment = 0;
                                    hdr.tcp.data_offset = 0x50;
                                    hdr.tcp.flags = TCP_RST;
                                    hdr.tcp.window = 0;
                                    hdr.tcp.urgent = 0;
                                    // The constant part of header and pseudo header: 0x5004 for offset and flag, protocol, length.
                                    hdr.tcp.checksum = 0x501e;
                                    transport_sum.add(hdr.tcp.checksum);
                                    transport_sum.add(hdr.tcp.src_port);
                                    transport_sum.add(hdr.tcp.dst_port);
                                    transport_sum.add(hdr.tcp.sequence);
                                    transport_sum.add(hdr.ipv4.src_ip);
                                    transport_sum.add(hdr.ipv4.dst_ip);
                                    hdr.ipv4.checksum = IPV4_RESET;
                                    hdr.ipv4.identification = 0;
                                    hdr.ipv4.flags_offset = 0x4000;
                                    hdr.ipv4.dscp_ecn = 0;
                                    hdr.ipv4.ttl = 64;
                                    hdr.ipv4.src_ip = meta.service_ip;
                                    hdr.ipv4.dst_ip = meta.client_ip;
                                    header_sum.add(hdr.ipv4.checksum);
                                    header_sum.add(hdr.ipv4.src_ip);
                                    header_sum.add(hdr.ipv4.dst_ip);
                                }
                            } else {
                                meta.refusal = DROP_NONE;
                                meta.drop_reason = DROP_NO_BACKEND;
                            }
                        }
                    }
