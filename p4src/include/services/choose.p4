// SPDX-License-Identifier: Apache-2.0
// Part of the main control's apply block: which flow a packet belongs to, and where it goes, looked up in `pods`. It learns nothing: first,
// policy judges the packet (`policy/judge.p4`). The contract of the tables is in docs/programming.md, "Services in the pipeline".
//
// Learned entries refer to backends by id. A miss can learn, a hit can't (p4c), so an entry is never replaced. A flow pinned to a
// backend that accepts no more flows uses its hash in the set's succession, whose buckets change only when their backend
// stops accepting flows. It then has a second entry, under the id of that backend (`after`), and a third under the id of the
// next one, if the second backend accepts no more flows either.

// Tries one more source port for the return path. `ports` is more than half of the mask's range, so one subtraction is enough.
#define PORT_OF_OFFSET \
    meta.port_offset = meta.port_offset & hdr.range.port_mask; \
    if (meta.port_offset >= hdr.range.ports) { \
        meta.port_offset = meta.port_offset - hdr.range.ports; \
    } \
    meta.local_port = meta.port_offset + hdr.range.first_port;

#define TRY_NEXT_PORT \
    if (hdr.flow.collides == 1) { \
        meta.port_offset = meta.port_offset + hdr.range.port_step; \
        PORT_OF_OFFSET \
        replies.apply(); \
    }

// The backend's state and address; if its entry is missing, whether that is only temporary.
#define APPLY_BACKENDS \
    backends.apply(); \
    if (meta.backend_state == BACKEND_GONE) { \
        hdr.held.kind = HELD_BACKEND; \
        hdr.held.value = meta.backend_id; \
        held.apply(); \
    }

// The flow of which the packet may be an answer.
#define FIND_ANSWERED_FLOW \
    hdr.slot.of_server = 1; \
    hdr.flow.compare = 0; \
    if (meta.protocol != PROTOCOL_TCP && meta.protocol != PROTOCOL_SCTP) { \
        hdr.slot.due = DUE_ANSWER; \
        if (meta.protocol == PROTOCOL_UDP) { \
            meta.expiry = EXPIRE_120; \
        } \
    } \
    if (replies.apply().hit) { \
        hdr.flow.found = 1; \
        if (hdr.back.frontend_id != 0) { \
            frontends.apply(); \
        } else { \
            meta.service_ip = meta.remote_ip; \
            meta.service_port = meta.remote_port; \
        } \
    } \
    if (hdr.flow.found == 0) { \
        if (meta.protocol != PROTOCOL_TCP && meta.protocol != PROTOCOL_SCTP) { \
            hdr.slot.due = DUE_NOT; \
            if (meta.protocol == PROTOCOL_UDP) { \
                meta.expiry = EXPIRE_KEEP; \
            } \
        } \
    }

// A flow that only `replies` has: nothing is rewritten.
#define TRACK_DIRECT \
    hdr.leaving.exempt = 0; \
    meta.plan = PLAN_DIRECT; \
    hdr.flow.frontend_id = 0; \
    hdr.flow.frontend_pool = POOL_NONE; \
    meta.backend_id = 0;

// One digit of bucket = hash * buckets / 2^16, the highest of ten first: the target has no multiplication.
#define NEXT_DIGIT \
    meta.bucket = meta.bucket << 1; \
    hdr.choice.buckets = hdr.choice.buckets << 1; \
    if (hdr.choice.buckets >= 1024) { \
        hdr.choice.buckets = hdr.choice.buckets - 1024; \
        meta.bucket = meta.bucket + hdr.choice.hash; \
    }

                    meta.plan = PLAN_NONE;
                    hdr.leaving.exempt = 0;
                    hdr.flow.starts = 1;
                    meta.expiry = EXPIRE_KEEP;
                    meta.new_expiry = EXPIRE_30;
                    hdr.flow.learn = 0;
                    hdr.flow.found = 0;
                    meta.after = 0;
                    meta.outside = 0;
                    if (meta.port_class == CLASS_UPLINK) {
                        meta.outside = 1;
                    }

                    hdr.slot.due = DUE_NOT;
                    hdr.slot.changed = 0;
                    hdr.flow.rewritten = 0;

                    // ---- The flow's timeout
                    if (hdr.tcp.isValid()) {
                        // Only a validated packet changes these timeouts (`connections.p4`).
                        meta.expiry = EXPIRE_UNTOUCHED;
                        meta.new_expiry = EXPIRE_60;
                        hdr.flow.starts = 0;
                        hdr.slot.due = DUE_TCP;
                        hdr.work.bits = hdr.tcp.flags & (TCP_RST | TCP_FIN | TCP_SYN | TCP_ACK);
                        if (hdr.work.bits == TCP_ACK) {
                            hdr.slot.kind = KIND_ACK;
                        } else {
                            // As a number, the three flags are at least RST if and only if it is set: it is the highest bit.
                            hdr.slot.kind = KIND_PLAIN;
                            hdr.work.bits = hdr.tcp.flags & (TCP_RST | TCP_FIN | TCP_SYN);
                            if (hdr.work.bits >= TCP_RST) {
                                hdr.slot.kind = KIND_RESET;
                            } else if (hdr.work.bits >= TCP_SYN) {
                                hdr.slot.kind = KIND_SYN;
                                hdr.work.bits = hdr.tcp.flags & (TCP_FIN | TCP_SYN | TCP_ACK);
                                if (hdr.work.bits == TCP_SYN) {
                                    hdr.flow.starts = 1;
                                }
                            } else if (hdr.work.bits != 0) {
                                hdr.slot.kind = KIND_FIN;
                            }
                        }
                    } else if (hdr.sctp.isValid()) {
                        meta.new_expiry = EXPIRE_300;
                        hdr.slot.due = DUE_SCTP;
                        // Only an INIT has no tag (RFC 9260, 8.5.1).
                        if (hdr.sctp.verification_tag != 0) {
                            hdr.flow.starts = 0;
                        }
                    } else if (hdr.fragment.isValid() && hdr.ipv4.protocol == PROTOCOL_TCP) {
                        // A later fragment can't be validated.
                        meta.expiry = EXPIRE_UNTOUCHED;
                        hdr.flow.starts = 0;
                    }

                    if (meta.protocol != 0) {
                        services.apply();
                        if (meta.plan == PLAN_LEAVE) {
                            // New flows are routed as if there were no service.
                            meta.plan = PLAN_NONE;
                            if (hdr.flow.starts == 0) {
                                hdr.slot.of_server = 0;
                                if (flows.apply().hit) {
                                    meta.plan = PLAN_REFUSE;
                                }
                            }
                        }
                        if (meta.plan == PLAN_NONE) {
                            // ---- Not to a service: a reply, or a pod's own traffic.
                            meta.remote_ip = meta.client_ip;
                            meta.remote_port = meta.client_port;
                            meta.local_ip = meta.service_ip;
                            meta.local_port = meta.service_port;
                            endpoints.apply();
                            hdr.leaving.pool = POOL_NONE;
                            if (meta.endpoint_id != 0 || meta.outside == 1) {
                                FIND_ANSWERED_FLOW
                            }
                            if (hdr.flow.found == 0) {
                                // A packet that is not rewritten is looked up only here. A reply is, once its client is known.
                                pods.apply();
                                if (hdr.judge.isolated != 0) {
                                    hdr.judge.began = BEGAN_SENDER;
                                    if (hdr.ipv4.src_ip == hdr.ipv4.dst_ip) {
                                        // A pod to itself: see `policy/sets.p4`.
                                        hdr.judge.isolated = 0;
                                    } else if (meta.endpoint_id != 0 || meta.outside == 0) {
                                        // Who began is known of every flow of an isolated pod, wherever the packet comes from.
                                        meta.endpoint_id = 0;
                                        FIND_ANSWERED_FLOW
                                    }
                                }
                            }
                            if (hdr.flow.found == 0) {
                                if (hdr.icmp.isValid()) {
                                    // An echo reply without its request starts no flow. (A later fragment that is known and not a
                                    // reply follows its first fragment: out.)
                                    if (hdr.icmp.type != ICMP_ECHO_REQUEST) {
                                        meta.protocol = 0;
                                    }
                                }
                                if (meta.port_class == CLASS_POD && meta.protocol != 0) {
                                    hdr.leaving.ip = meta.service_ip;
                                    outgoing.apply();
                                    if (hdr.leaving.pool != POOL_NONE && meta.protocol != PROTOCOL_ICMP) {
                                        // A flow that was opened directly to the pod before it was a backend, or while it is none.
                                        meta.endpoint_id = 0;
                                        FIND_ANSWERED_FLOW
                                    }
                                }
                            }
                            if (hdr.flow.found == 1) {
                                hdr.judge.source_port = meta.client_port;
                                if (hdr.back.frontend_id == 0 && meta.local_ip == hdr.back.client_ip && meta.local_port == hdr.back.client_port) {
                                    // The flow went directly to its server: nothing to rewrite.
                                    hdr.flow.found = 0;
                                    if (hdr.fragment.isValid() && meta.port_class == CLASS_POD) {
                                        hdr.leaving.ip = meta.local_ip;
                                        outgoing.apply();
                                        if (hdr.leaving.pool != POOL_NONE) {
                                            // Its later fragments must be exempt from masquerading too.
                                            hdr.leaving.exempt = 1;
                                        }
                                    }
                                    if (meta.endpoint_id != 0 || meta.outside == 1) {
                                        // Not looked up yet.
                                        FIND_SETS(hdr.ipv4.dst_ip)
                                    }
                                    hdr.judge.began = BEGAN_OTHER;
                                } else {
                                    // Both entries are kept as long as packets arrive from either side.
                                    meta.client_ip = hdr.back.client_ip;
                                    meta.client_port = hdr.back.client_port;
                                    meta.outside = hdr.back.outside;
                                    meta.backend_id = hdr.back.backend_id;
                                    flows.apply();
                                    if (meta.backend_id != hdr.back.backend_id) {
                                        meta.after = meta.backend_id;
                                        flows.apply();
                                        if (meta.backend_id != hdr.back.backend_id) {
                                            meta.after = hdr.back.backend_id;
                                            flows.apply();
                                        }
                                    }
                                    meta.local_ip = meta.service_ip;
                                    meta.local_port = meta.service_port;
                                    meta.remote_ip = meta.client_ip;
                                    meta.remote_port = meta.client_port;
                                    hdr.before.dst_ip = hdr.ipv4.dst_ip;
                                    TO_REAL_DESTINATION
                                }
                            } else {
                                if (hdr.leaving.pool != POOL_NONE) {
                                    meta.plan = PLAN_MASQUERADE;
                                    hdr.flow.frontend_id = 0;
                                    meta.backend_id = 0;
                                    hdr.flow.frontend_pool = hdr.leaving.pool;
                                } else if (meta.protocol == PROTOCOL_ICMP) {
                                    // ---- An echo request to or from a pod with a policy: tracked, so that its answer is known.
                                    if (hdr.judge.isolated != 0) {
                                        meta.remote_ip = meta.service_ip;
                                        meta.remote_port = meta.service_port;
                                        meta.endpoint_id = 0;
                                        TRACK_DIRECT
                                    }
                                } else if (meta.protocol != 0) {
                                    // ---- Directly to a backend: tracked, so that no service flow uses the same return path. From
                                    // ---- outside to any pod: tracked if the pod's answers would otherwise be masqueraded. To or from
                                    // ---- a pod with a policy: tracked, so that policy knows who began.
                                    meta.remote_ip = meta.service_ip;
                                    meta.remote_port = meta.service_port;
                                    endpoints.apply();
                                    if (meta.endpoint_id == 0 && meta.port_class == CLASS_UPLINK) {
                                        hdr.leaving.ip = meta.client_ip;
                                        outgoing.apply();
                                        if (hdr.leaving.pool != POOL_NONE) {
                                            hdr.leaving.pool = POOL_NONE;
                                            if (hdr.judge.pod != POD_NONE) {
                                                hdr.leaving.exempt = 1;
                                            }
                                        }
                                    }
                                    if (meta.endpoint_id != 0 || hdr.leaving.exempt == 1) {
                                        TRACK_DIRECT
                                    } else if (hdr.judge.isolated != 0) {
                                        if (hdr.flow.starts == 0) {
                                            // Nobody saw who began: the pipeline lost its entries, or the connection is older than the
                                            // pod's first policy. The lower port is probably the server's. The client's next packet
                                            // makes the entry.
                                            if (meta.client_port < meta.service_port) {
                                                hdr.judge.began = BEGAN_OTHER_PERHAPS;
                                                hdr.judge.source_port = meta.client_port;
                                                hdr.back.from_node = FROM_OTHER;
                                            }
                                        }
                                        if (hdr.judge.began == BEGAN_SENDER) {
                                            TRACK_DIRECT
                                        }
                                    }
                                }
                            }
                        }
                    } else {
                        FIND_SETS(hdr.ipv4.dst_ip)
                    }

                    if (meta.plan != PLAN_NONE && meta.drop_reason == DROP_NONE) {
                        hdr.before.dst_ip = hdr.ipv4.dst_ip;
                        // ---- Where the flow goes: to its previous backend if allowed
                        hdr.flow.pinned = 0;
                        hdr.flow.moves = MOVES_NOT;
                        hdr.slot.of_server = 0;
                        meta.slot = 0;
                        if (flows.apply().hit) {
                            hdr.flow.pinned = 1;
                        }
                        hdr.flow.compare = 1;
                        if (meta.plan == PLAN_MASQUERADE) {
                            meta.remote_ip = meta.service_ip;
                            meta.remote_port = meta.service_port;
                            hdr.flow.on_host = 0;
                            endpoints.apply();
                        } else if (meta.plan == PLAN_DIRECT) {
                            hdr.flow.on_host = 0;
                            if (hdr.flow.pinned == 0) {
                                meta.local_ip = meta.client_ip;
                                meta.local_port = meta.client_port;
                                if (replies.apply().hit) {
                                    // Its own return path, or too late to change it: only a new flow can get another port.
                                    if (hdr.flow.collides == 0 || hdr.flow.starts == 0) {
                                        meta.plan = PLAN_NONE;
                                    }
                                }
                            }
                        } else if (hdr.flow.pinned == 1) {
                            APPLY_BACKENDS
                            if (meta.backend_state != BACKEND_ELIGIBLE) {
                                meta.after = meta.backend_id;
                                hdr.choice.has_moved = 0;
                                if (flows.apply().hit) {
                                    hdr.choice.has_moved = 1;
                                    APPLY_BACKENDS
                                }
                                if (meta.backend_state != BACKEND_ELIGIBLE) {
                                    hdr.choice.last_backend = meta.backend_id;
                                    if (meta.plan == PLAN_BALANCE) {
                                        hdr.flow.moves = MOVES_GONE;
                                        if (meta.backend_state == BACKEND_DRAINING) {
                                            hdr.flow.moves = MOVES_DRAINING;
                                        }
                                    } else if (meta.backend_state == BACKEND_GONE || hdr.flow.starts == 1) {
                                        // Without backends there is no succession.
                                        hdr.flow.pinned = 0;
                                    }
                                }
                                if (hdr.flow.pinned == 1 && hdr.flow.moves == MOVES_NOT) {
                                    TO_REAL_DESTINATION
                                }
                            } else {
                                TO_REAL_DESTINATION
                            }
                        }

                        // ---- ... or to the backend of a new or moving flow
                        if (meta.plan != PLAN_NONE && (hdr.flow.pinned == 0 || hdr.flow.moves != MOVES_NOT)) {
                            hdr.choice.sticky = STICKY_KEPT;
                            if (meta.refusal == DROP_NONE) {
                                hdr.hashed.client_ip = meta.client_ip;
                                hdr.hashed.client_port = meta.client_port;
                                hdr.hashed.outside = meta.outside;
                                hdr.hashed.service_ip = meta.service_ip;
                                hdr.hashed.service_port = meta.service_port;
                                hdr.hashed.protocol = meta.protocol;
                                meta.port_offset = port_hash.get_hash(hdr.hashed);
                                // All flows of a client with session affinity move to the same backend.
                                if (meta.plan == PLAN_BALANCE && meta.affinity != 0) {
                                    hdr.hashed.client_port = 0;
                                    hdr.hashed.outside = 0;
                                    hdr.hashed.service_ip = 0;
                                    hdr.hashed.service_port = 0;
                                }
                                meta.hash = flow_hash.get_hash(hdr.hashed);
                                hdr.range.port_step = meta.hash | 1;
                                hdr.choice.hash = (bit<32>) meta.hash;
                                if (hdr.flow.pinned == 0) {
                                    meta.pool = hdr.flow.frontend_pool;
                                }
                            }
                            // (Checked again: within one block p4c would recompute these values at each use.)
                            if (meta.drop_reason == DROP_NONE) {
                                if (hdr.flow.pinned == 0 && meta.protocol == PROTOCOL_TCP && hdr.flow.starts == 0 && meta.plan != PLAN_DIRECT) {
                                    meta.refusal = DROP_NO_FLOW;
                                } else if (meta.plan == PLAN_REFUSE) {
                                    meta.refusal = DROP_NO_BACKEND;
                                } else if (meta.plan == PLAN_DROP) {
                                    meta.drop_reason = DROP_NO_LOCAL_BACKEND;
                                } else if (meta.plan == PLAN_BALANCE) {
                                    if (meta.ranges_id != 0) {
                                        source_ranges.apply();
                                    }
                                    if (meta.drop_reason == DROP_NONE) {
                                        meta.backend_state = BACKEND_GONE;
                                        if (meta.affinity != 0 && hdr.flow.moves == MOVES_NOT) {
                                            meta.affinity = meta.affinity - 1;
                                            clock.apply();
                                            affinities.apply();
                                            if (hdr.choice.sticky == STICKY_KEPT) {
                                                APPLY_BACKENDS
                                                if (meta.backend_state != BACKEND_ELIGIBLE) {
                                                    hdr.flow.moves = MOVES_CLIENT;
                                                }
                                            } else if (hdr.choice.sticky == STICKY_AGED) {
                                                // By its address alone, the client would get the same backend again and again.
                                                hdr.hashed.client_port = meta.client_port;
                                                meta.hash = flow_hash.get_hash(hdr.hashed);
                                                hdr.choice.hash = (bit<32>) meta.hash;
                                            }
                                        }
                                        if (meta.backend_state != BACKEND_ELIGIBLE && meta.drop_reason == DROP_NONE) {
                                            // A set that never changed is its own succession.
                                            if (hdr.flow.moves != MOVES_NOT && hdr.choice.succession != 0) {
                                                hdr.choice.buckets = hdr.choice.succession;
                                            }
                                            meta.bucket = 0;
                                            NEXT_DIGIT
                                            NEXT_DIGIT
                                            NEXT_DIGIT
                                            NEXT_DIGIT
                                            NEXT_DIGIT
                                            NEXT_DIGIT
                                            NEXT_DIGIT
                                            NEXT_DIGIT
                                            NEXT_DIGIT
                                            NEXT_DIGIT
                                            meta.bucket = meta.bucket >> 16;
                                            if (hdr.flow.moves != MOVES_NOT && hdr.choice.succession != 0) {
                                                meta.bucket = meta.bucket + FIRST_SUCCESSOR;
                                            }
                                            buckets.apply();
                                            APPLY_BACKENDS
                                            hdr.choice.former_backend = 0;
                                            if (hdr.flow.moves != MOVES_NOT && hdr.choice.succession != 0 && meta.backend_state == BACKEND_DRAINING) {
                                                hdr.choice.former_backend = meta.backend_id;
                                                meta.bucket = meta.bucket + FIRST_SUCCESSOR;
                                                buckets.apply();
                                                APPLY_BACKENDS
                                            }
                                            if (hdr.flow.moves == MOVES_GONE || hdr.flow.moves == MOVES_DRAINING) {
                                                if (hdr.flow.starts == 1) {
                                                    if (hdr.choice.has_moved == 1) {
                                                        meta.after = meta.backend_id;
                                                    }
                                                    if (hdr.choice.has_moved == 0 || !flows.apply().hit) {
                                                        hdr.flow.pinned = 0;
                                                        meta.pool = hdr.flow.frontend_pool;
                                                    }
                                                } else {
                                                    // The flow's latest entry: at the current, the previous or the last known backend.
                                                    hdr.flow.found = 0;
                                                    if (hdr.choice.has_moved == 1) {
                                                        meta.after = meta.backend_id;
                                                        if (flows.apply().hit) {
                                                            hdr.flow.found = 1;
                                                        } else if (hdr.choice.former_backend != 0) {
                                                            meta.after = hdr.choice.former_backend;
                                                            if (flows.apply().hit) {
                                                                hdr.flow.found = 1;
                                                                APPLY_BACKENDS
                                                            }
                                                        }
                                                    }
                                                    if (hdr.flow.found == 0) {
                                                        if (hdr.flow.moves == MOVES_DRAINING) {
                                                            meta.backend_id = hdr.choice.last_backend;
                                                            APPLY_BACKENDS
                                                        } else if (meta.protocol == PROTOCOL_TCP) {
                                                            meta.refusal = DROP_NO_FLOW;
                                                        }
                                                    }
                                                    hdr.flow.found = 0;
                                                }
                                            }
                                            if (meta.backend_state == BACKEND_GONE) {
                                                if (meta.refusal == DROP_NONE && meta.drop_reason == DROP_NONE) {
                                                    meta.refusal = DROP_NO_BACKEND;
                                                }
                                            }
                                        }
                                    }
                                }
                            }
                            if (meta.plan != PLAN_MASQUERADE && meta.plan != PLAN_DIRECT) {
                                if (meta.drop_reason == DROP_NONE && meta.refusal == DROP_NONE) {
                                    TO_REAL_DESTINATION
                                }
                            }
                        }
                    }
