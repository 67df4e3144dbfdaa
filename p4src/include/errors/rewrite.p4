// SPDX-License-Identifier: Apache-2.0
// Part of the main control's apply block: translates an ICMP error, in its own header and in the quoted packet (RFC 5508).

                    // The quoted packet has the opposite direction of the error.
                    if (hdr.flow.found == 1 && meta.drop_reason == DROP_NONE) {
                        hdr.flow.rewritten = 1;
                        // The sums over the quoted IP header and a quoted echo stay the same: the rest changes the message's checksum.
                        transport_sum.subtract(hdr.icmp.checksum);
                        quoted_header_sum.subtract(hdr.quoted.checksum);
                        quoted_header_sum.subtract(hdr.quoted.src_ip);
                        quoted_header_sum.subtract(hdr.quoted.dst_ip);
                        header_sum.subtract(hdr.ipv4.src_ip);
                        header_sum.subtract(hdr.before.dst_ip);
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
                        hdr.quoted.src_ip = meta.remote_ip;
                        hdr.quoted.dst_ip = meta.local_ip;
                        quoted_header_sum.add(hdr.quoted.src_ip);
                        quoted_header_sum.add(hdr.quoted.dst_ip);
                        header_sum.add(hdr.ipv4.src_ip);
                        header_sum.add(hdr.ipv4.dst_ip);
                    }
