// SPDX-License-Identifier: Apache-2.0
// Part of the main control's apply block: the virtual router's own messages about packets that it does not forward (RFC 792,
// RFC 1812, 4.3), and its answer to an echo request. The packet itself becomes the message, which quotes it as received.

// The rate is limited per receiver and kind over ten seconds. Receivers beyond the uplink also share one limit, because
// sources may be forged there.
#define SLOTS_OF_ONE 0x000f
#define SLOTS_OF_ALL 0x1fff

                if (meta.drop_reason != DROP_NONE && meta.refusal == DROP_NONE) {
                    // ---- Which message
                    hdr.answer.message = MESSAGE_NONE;
                    hdr.answer.reason = DROP_NONE;
                    // The host may forward packets of others, beyond the uplink. (`local_sources` wrote the address.)
                    hdr.answer.beyond = 0;
                    if (meta.port_class == CLASS_UPLINK) {
                        hdr.answer.beyond = 1;
                    } else if (meta.port_class == CLASS_HOST && hdr.work.address != 0) {
                        hdr.answer.beyond = 1;
                    }
                    if (meta.drop_reason == DROP_TTL_EXPIRED) {
                        hdr.answer.message = MESSAGE_TTL_EXPIRED;
                        hdr.answer.reason = DROP_TTL_EXPIRED;
                    } else if (meta.drop_reason == DROP_NO_ROUTE) {
                        hdr.answer.message = MESSAGE_NO_NETWORK;
                        hdr.answer.reason = DROP_NO_ROUTE;
                    } else if (meta.drop_reason == DROP_UNASSIGNED) {
                        hdr.answer.message = MESSAGE_NO_HOST;
                        hdr.answer.reason = DROP_UNASSIGNED;
                    } else if (meta.drop_reason == DROP_TOO_BIG) {
                        hdr.answer.message = MESSAGE_TOO_BIG;
                        hdr.answer.reason = DROP_TOO_BIG;
                    } else if (meta.drop_reason == DROP_NO_BACKEND) {
                        hdr.answer.message = MESSAGE_NO_PORT;
                        hdr.answer.reason = DROP_NO_BACKEND;
                    } else if (meta.drop_reason == DROP_GATEWAY && hdr.answer.beyond == 0) {
                        hdr.answer.message = MESSAGE_NO_PORT;
                        hdr.answer.reason = DROP_GATEWAY;
                    }

                    // ---- No message about ICMP errors, nor about packets without a layer-4 header: later fragments, other protocols
                    if (hdr.icmp.isValid()) {
                        if (hdr.icmp.code != 0) {
                            hdr.answer.message = MESSAGE_NONE;
                        } else if (hdr.icmp.type == ICMP_ECHO_REQUEST) {
                            if (hdr.answer.reason == DROP_GATEWAY) {
                                hdr.answer.message = MESSAGE_ECHO_REPLY;
                                if (hdr.fragment.isValid()) {
                                    hdr.answer.message = MESSAGE_NONE;
                                }
                            }
                        } else if (hdr.icmp.type != ICMP_ECHO_REPLY) {
                            hdr.answer.message = MESSAGE_NONE;
                        }
                    } else if (hdr.tcp.isValid() || hdr.udp.isValid() || hdr.sctp.isValid()) {
                        // Unchanged.
                    } else {
                        hdr.answer.message = MESSAGE_NONE;
                    }

                    if (hdr.answer.message != MESSAGE_NONE) {
                        // ---- The source of the message, and its rate limit
                        if (hdr.answer.message == MESSAGE_ECHO_REPLY) {
                            hdr.answer.source = hdr.ipv4.dst_ip;
                            meta.drop_reason = DROP_NONE;
                        } else if (hdr.answer.reason == DROP_NO_BACKEND) {
                            hdr.answer.source = meta.service_ip;
                            meta.drop_reason = DROP_NONE;
                        } else {
                            // The checksum state of earlier processing.
                            header_sum.clear();
                            transport_sum.clear();
                            meta.new_expiry = EXPIRE_10;
                            hdr.answer.slot = hdr.ipv4.identification;
                            if (hdr.icmp.isValid()) {
                                hdr.answer.slot = hdr.answer.slot + hdr.icmp.sequence;
                            } else {
                                hdr.answer.slot = hdr.answer.slot + meta.service_port;
                            }
                            hdr.work.wide = hdr.answer.slot;
                            hdr.answer.takes = 1;
                            hdr.answer.limited = 0;
                            if (hdr.answer.beyond == 1) {
                                // First, so that forged addresses can't fill the table: a full table limits nothing.
                                hdr.answer.address = 0;
                                hdr.answer.kind = 0;
                                hdr.answer.slot = hdr.work.wide & SLOTS_OF_ALL;
                                answers.apply();
                            }
                            if (hdr.answer.limited == 0) {
                                hdr.answer.address = hdr.guard.ip;
                                hdr.answer.kind = hdr.answer.message;
                                hdr.answer.slot = hdr.work.wide & SLOTS_OF_ONE;
                                answers.apply();
                            }
                            if (hdr.answer.limited == 0) {
                                meta.drop_reason = DROP_NONE;
                                meta.pool = POOL_HAIRPIN;
                                if (hdr.answer.beyond == 1) {
                                    meta.pool = POOL_NODE;
                                }
                                pools.apply();
                                hdr.answer.source = meta.local_ip;
                                if (meta.drop_reason != DROP_NONE) {
                                    meta.drop_reason = hdr.answer.reason;
                                }
                            }
                        }
                    }

                    if (hdr.answer.message != MESSAGE_NONE && meta.drop_reason == DROP_NONE) {
                        if (hdr.answer.message == MESSAGE_ECHO_REPLY) {
                            // The header checksum already includes the new TTL; exchanging the addresses does not change it.
                            transport_sum.subtract(hdr.icmp.checksum);
                            hdr.work.wide = 0x0800;
                            transport_sum.subtract(hdr.work.wide);
                            hdr.icmp.type = ICMP_ECHO_REPLY;
                            hdr.ipv4.dst_ip = hdr.guard.ip;
                            hdr.ipv4.src_ip = hdr.answer.source;
                        } else {
                            meta.refusal = hdr.answer.reason;
                            hdr.quoted.setValid();
                            hdr.quoted.version_ihl = hdr.ipv4.version_ihl;
                            hdr.quoted.dscp_ecn = hdr.ipv4.dscp_ecn;
                            hdr.quoted.total_length = hdr.ipv4.total_length;
                            hdr.quoted.identification = hdr.ipv4.identification;
                            hdr.quoted.flags_offset = hdr.ipv4.flags_offset;
                            hdr.quoted.ttl = hdr.ipv4.ttl;
                            hdr.quoted.protocol = hdr.ipv4.protocol;
                            hdr.quoted.checksum = hdr.ipv4.checksum;
                            hdr.quoted.src_ip = hdr.guard.ip;
                            hdr.quoted.dst_ip = hdr.ipv4.dst_ip;
                            if (meta.refusal == DROP_TTL_EXPIRED || meta.refusal == DROP_NO_BACKEND) {
                                // As received.
                            } else {
                                hdr.quoted.ttl = hdr.quoted.ttl + 1;
                                if (hdr.flow.rewritten == 1) {
                                    hdr.quoted.dst_ip = hdr.before.dst_ip;
                                    if (hdr.tcp.isValid()) {
                                        hdr.tcp.src_port = hdr.before.src_port;
                                        hdr.tcp.dst_port = hdr.before.dst_port;
                                    } else if (hdr.udp.isValid()) {
                                        hdr.udp.src_port = hdr.before.src_port;
                                        hdr.udp.dst_port = hdr.before.dst_port;
                                    } else if (hdr.icmp.isValid()) {
                                        hdr.icmp.identifier = hdr.before.src_port;
                                    }
                                }
                            }

                            hdr.flow.rewritten = 1;

                            // Type and code. The quoted header adds nothing: the sum over a whole header is zero.
                            if (hdr.tcp.isValid()) {
                                transport_sum.add(hdr.tcp.src_port);
                                transport_sum.add(hdr.tcp.dst_port);
                                transport_sum.add(hdr.tcp.sequence);
                                hdr.icmp.setValid();
                            } else if (hdr.udp.isValid()) {
                                transport_sum.add(hdr.udp.src_port);
                                transport_sum.add(hdr.udp.dst_port);
                                transport_sum.add(hdr.udp.length);
                                transport_sum.add(hdr.udp.checksum);
                                hdr.icmp.setValid();
                            } else if (hdr.sctp.isValid()) {
                                transport_sum.add(hdr.sctp.src_port);
                                transport_sum.add(hdr.sctp.dst_port);
                                transport_sum.add(hdr.sctp.verification_tag);
                                hdr.icmp.setValid();
                            } else {
                                hdr.quoted_l4.setValid();
                                hdr.quoted_l4.first = 0;
                                if (hdr.icmp.type == ICMP_ECHO_REQUEST) {
                                    hdr.quoted_l4.first = 0x0800;
                                }
                                hdr.quoted_l4.second = hdr.icmp.checksum;
                                hdr.quoted_l4.third = hdr.icmp.identifier;
                                hdr.quoted_l4.fourth = hdr.icmp.sequence;
                                transport_sum.add(hdr.quoted_l4.first);
                                transport_sum.add(hdr.quoted_l4.second);
                                transport_sum.add(hdr.quoted_l4.third);
                                transport_sum.add(hdr.quoted_l4.fourth);
                            }
                            hdr.icmp.type = ICMP_UNREACHABLE;
                            if (hdr.answer.message == MESSAGE_TTL_EXPIRED) {
                                hdr.icmp.type = ICMP_TIME_EXCEEDED;
                            }
                            hdr.icmp.code = 0;
                            hdr.icmp.identifier = 0;
                            hdr.icmp.sequence = 0;
                            if (hdr.answer.message == MESSAGE_NO_HOST) {
                                hdr.icmp.code = 1;
                            } else if (hdr.answer.message == MESSAGE_NO_PORT) {
                                hdr.icmp.code = ICMP_PORT_UNREACHABLE;
                            } else if (hdr.answer.message == MESSAGE_TOO_BIG) {
                                hdr.icmp.code = 4;
                                hdr.icmp.sequence = hdr.answer.mtu;
                                transport_sum.add(hdr.icmp.sequence);
                            }
                            transport_sum.add(hdr.answer.message);

                            hdr.ipv4.protocol = PROTOCOL_ICMP;
                            hdr.ipv4.total_length = 56;
                            hdr.ipv4.checksum = IPV4_UNREACHABLE;
                            hdr.ipv4.identification = 0;
                            hdr.ipv4.flags_offset = 0x4000;
                            hdr.ipv4.dscp_ecn = 0;
                            hdr.ipv4.ttl = 64;
                            hdr.ipv4.src_ip = hdr.answer.source;
                            hdr.ipv4.dst_ip = hdr.guard.ip;
                            header_sum.add(hdr.ipv4.checksum);
                            header_sum.add(hdr.ipv4.src_ip);
                            header_sum.add(hdr.ipv4.dst_ip);
                            hdr.body.setInvalid();
                            hdr.vxlan.setInvalid();
                            hdr.inner_ipv4.setInvalid();
                        }
                        if (!pods.apply().hit) {
#include "../nodes/route.p4"
                        }
                        if (meta.drop_reason != DROP_NONE) {
                            meta.refusal = DROP_NONE;
                            meta.drop_reason = hdr.answer.reason;
                        } else if (hdr.answer.message == MESSAGE_ECHO_REPLY) {
                            hdr.icmp.checksum = transport_sum.get();
                        }
                    }
                }
