// SPDX-License-Identifier: Apache-2.0
// Part of the main control's apply block: the flow that an ICMP error is about. The error is judged and translated like a packet
// of that flow (`rewrite.p4`), but is none: it adds no entry and restarts no timer.

                    meta.plan = PLAN_NONE;
                    hdr.flow.found = 0;
                    hdr.flow.learn = 0;
                    meta.expiry = EXPIRE_UNTOUCHED;
                    hdr.flow.compare = 0;
                    hdr.slot.due = DUE_NOT;
                    hdr.flow.rewritten = 0;
                    hdr.before.dst_ip = hdr.ipv4.dst_ip;
                    FIND_SETS(hdr.ipv4.dst_ip)
                    hdr.judge.began = BEGAN_SENDER;
                    meta.after = 0;
                    meta.outside = 0;
                    if (meta.port_class == CLASS_UPLINK) {
                        meta.outside = 1;
                    }
                    if (hdr.ipv4.total_length < 56) {
                        // RFC 792: the error quotes an IP header and eight bytes.
                        meta.drop_reason = DROP_MALFORMED;
                        meta.protocol = 0;
                    } else if (hdr.fragment.isValid()) {
                        meta.protocol = 0;
                    } else if (!hdr.quoted_l4.isValid()) {
                        meta.protocol = 0;
                    } else if (hdr.quoted.src_ip != hdr.ipv4.dst_ip) {
                        // An error goes to the sender of the quoted packet.
                        meta.protocol = 0;
                    } else if (meta.port_class == CLASS_POD && hdr.quoted.dst_ip != hdr.ipv4.src_ip) {
                        // A pod is not a router: it only reports errors about packets sent to itself.
                        meta.protocol = 0;
                    }

                    if (meta.protocol != 0) {
                        services.apply();
                        if (meta.plan == PLAN_NONE) {
                            // ---- From the side of the server, about what the client sent
                            meta.remote_ip = meta.client_ip;
                            meta.remote_port = meta.client_port;
                            meta.local_ip = meta.service_ip;
                            meta.local_port = meta.service_port;
                            endpoints.apply();
                            if (meta.endpoint_id != 0 || meta.outside == 1 || hdr.judge.isolated != 0) {
                                if (replies.apply().hit) {
                                    hdr.flow.found = 1;
                                    hdr.judge.began = BEGAN_OTHER;
                                    if (hdr.back.frontend_id != 0) {
                                        frontends.apply();
                                    } else {
                                        meta.service_ip = meta.remote_ip;
                                        meta.service_port = meta.remote_port;
                                    }
                                }
                            }
                            if (hdr.flow.found == 1) {
                                meta.local_ip = meta.service_ip;
                                meta.local_port = meta.service_port;
                                meta.remote_ip = hdr.back.client_ip;
                                meta.remote_port = hdr.back.client_port;
                            } else {
                                meta.plan = PLAN_MASQUERADE;
                            }
                        }

                        // ---- From the client's side, about a reply
                        if (meta.plan != PLAN_NONE) {
                            if (flows.apply().hit) {
                                if (meta.backend_id == 0) {
                                    // It was masqueraded, or sent directly to a backend.
                                    hdr.flow.found = 1;
                                    meta.remote_ip = meta.service_ip;
                                    meta.remote_port = meta.service_port;
                                } else {
                                    hdr.flow.found = 1;
                                    APPLY_BACKENDS
                                    if (meta.backend_state != BACKEND_ELIGIBLE) {
                                        meta.after = meta.backend_id;
                                        if (flows.apply().hit) {
                                            APPLY_BACKENDS
                                        }
                                        if (meta.backend_state == BACKEND_GONE) {
                                            hdr.flow.found = 0;
                                        }
                                    }
                                }
                                meta.local_ip = meta.client_ip;
                                meta.local_port = meta.client_port;
                                if (meta.pool != POOL_NONE) {
                                    meta.local_port = meta.source_port;
                                    if (meta.pool != POOL_OWN) {
                                        pools.apply();
                                    }
                                }
                            }
                            meta.plan = PLAN_NONE;
                            if (hdr.flow.found == 0 && hdr.judge.isolated != 0) {
                                // It was sent directly: only `replies` has it.
                                meta.remote_ip = meta.service_ip;
                                meta.remote_port = meta.service_port;
                                meta.local_ip = meta.client_ip;
                                meta.local_port = meta.client_port;
                                endpoints.apply();
                                if (replies.apply().hit) {
                                    hdr.flow.found = 1;
                                }
                            }
                        }
                    }
                    if (hdr.flow.found == 1) {
                        TO_REAL_DESTINATION
                        if (hdr.ipv4.src_ip == hdr.before.dst_ip) {
                            hdr.judge.isolated = 0;
                        }
                    }
