// SPDX-License-Identifier: Apache-2.0
// Part of the main control's apply block: an ICMP error about a flow is translated like a packet of that flow, in its own header
// and in the quoted packet (RFC 5508). It is not a packet of the flow: it adds no entry and restarts no timer.

                    meta.plan = PLAN_NONE;
                    hdr.flow.found = 0;
                    hdr.flow.learn = 0;
                    meta.expiry = EXPIRE_UNTOUCHED;
                    hdr.flow.compare = 0;
                    hdr.slot.due = DUE_NOT;
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
                            if (meta.endpoint_id != 0 || meta.outside == 1) {
                                if (replies.apply().hit) {
                                    hdr.flow.found = 1;
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
                        }

                        // ---- The rewriting. The quoted packet has the opposite direction of the error.
                        if (hdr.flow.found == 1 && meta.drop_reason == DROP_NONE) {
                            // The sums over the quoted IP header and a quoted echo stay the same: the rest changes the message's checksum.
                            transport_sum.subtract(hdr.icmp.checksum);
                            quoted_header_sum.subtract(hdr.quoted.checksum);
                            quoted_header_sum.subtract(hdr.quoted.src_ip);
                            quoted_header_sum.subtract(hdr.quoted.dst_ip);
                            header_sum.subtract(hdr.ipv4.src_ip);
                            header_sum.subtract(hdr.ipv4.dst_ip);
                            if (meta.protocol == PROTOCOL_ICMP) {
                                quoted_l4_sum.subtract(hdr.quoted_l4.second);
                                quoted_l4_sum.subtract(hdr.quoted_l4.third);
                                hdr.quoted_l4.third = meta.remote_port;
                                quoted_l4_sum.add(hdr.quoted_l4.third);
                            } else {
                                quoted_l4_sum.subtract(hdr.quoted_l4.fourth);
                                quoted_l4_sum.subtract(hdr.quoted_l4.first);
                                quoted_l4_sum.subtract(hdr.quoted_l4.second);
                                quoted_l4_sum.subtract(hdr.quoted.src_ip);
                                quoted_l4_sum.subtract(hdr.quoted.dst_ip);
                                if (meta.protocol == PROTOCOL_UDP && hdr.quoted_l4.fourth != 0) {
                                    // The UDP checksum covers ports and addresses, the message's checksum only ports.
                                    transport_sum.add(hdr.quoted.src_ip);
                                    transport_sum.add(hdr.quoted.dst_ip);
                                    transport_sum.subtract(meta.remote_ip);
                                    transport_sum.subtract(meta.local_ip);
                                } else {
                                    transport_sum.subtract(hdr.quoted_l4.first);
                                    transport_sum.subtract(hdr.quoted_l4.second);
                                    transport_sum.add(meta.remote_port);
                                    transport_sum.add(meta.local_port);
                                }
                                hdr.quoted_l4.first = meta.remote_port;
                                hdr.quoted_l4.second = meta.local_port;
                                quoted_l4_sum.add(hdr.quoted_l4.first);
                                quoted_l4_sum.add(hdr.quoted_l4.second);
                                quoted_l4_sum.add(meta.remote_ip);
                                quoted_l4_sum.add(meta.local_ip);
                            }
                            // As Linux does, hide a masqueraded client in errors too, and the routers behind its address.
                            if (hdr.quoted.dst_ip != meta.local_ip) {
                                hdr.ipv4.src_ip = meta.local_ip;
                            }
                            hdr.ipv4.dst_ip = meta.remote_ip;
                            hdr.quoted.src_ip = meta.remote_ip;
                            hdr.quoted.dst_ip = meta.local_ip;
                            quoted_header_sum.add(hdr.quoted.src_ip);
                            quoted_header_sum.add(hdr.quoted.dst_ip);
                            header_sum.add(hdr.ipv4.src_ip);
                            header_sum.add(hdr.ipv4.dst_ip);
                        }
                    }
