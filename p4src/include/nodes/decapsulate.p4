// SPDX-License-Identifier: Apache-2.0
// Part of the main control's apply block: packets that may come from a tunnel. What comes from a known peer for the port's tunnel end is
// processed again without its outer headers, as a plain packet from the uplink. Other packets of the host and the uplink are routed by
// their outer header, without a service.

                if (hdr.tunnel.isValid()) {
                    if (meta.port_class == CLASS_POD) {
                        // It could pretend to be a peer, behind the masquerading address of its node.
                        meta.drop_reason = DROP_TUNNEL;
                    } else if (meta.port_class == CLASS_UPLINK) {
                        if (hdr.uplink.tunnel_ip != 0 && hdr.ipv4.dst_ip == hdr.uplink.tunnel_ip && hdr.tunnel.port == hdr.uplink.tunnel_port) {
                            // ---- Whether it is a whole VXLAN packet to this node, with an IPv4 packet inside
                            meta.header_sum = header_sum.get();
                            if (hdr.ethernet.dst_mac != meta.gateway_mac) {
                                meta.drop_reason = DROP_NOT_FOR_GATEWAY;
                            } else if (!hdr.vxlan.isValid()) {
                                meta.drop_reason = DROP_TUNNEL;
                            } else if (hdr.fragment.isValid()) {
                                meta.drop_reason = DROP_TUNNEL;
                            } else if (hdr.udp.length != hdr.tunnel.length) {
                                meta.drop_reason = DROP_TUNNEL;
                            } else if (hdr.tunnel.flags == 0) {
                                meta.drop_reason = DROP_TUNNEL;
                            } else if (hdr.vxlan.dst_mac != hdr.uplink.tunnel_mac) {
                                meta.drop_reason = DROP_TUNNEL;
                            } else if (hdr.vxlan.ether_type != ETHERTYPE_IPV4) {
                                meta.drop_reason = DROP_TUNNEL;
                            } else {
                                if (hdr.tunnel.room < hdr.inner_ipv4.total_length) {
                                    meta.drop_reason = DROP_TUNNEL;
                                }
                                CHECK_HEADER_SUM
                            }

                            // ---- Whether it comes from a peer, and from behind it
                            if (meta.drop_reason == DROP_NONE) {
                                tunnels.apply();
                            }
                            if (meta.drop_reason == DROP_NONE && hdr.inner_ipv4.src_ip != hdr.tunnel.outer_src) {
                                hdr.hop.id = 0;
                                if (!destinations.apply().hit) {
                                    meta.drop_reason = DROP_TUNNEL;
                                } else if (hdr.hop.id != hdr.tunnel.next_hop) {
                                    meta.drop_reason = DROP_TUNNEL;
                                }
                            }

                            // ---- ECN by RFC 6040, 4.2, with the inner checksum adjusted by hand (RFC 1624)
                            if (meta.drop_reason == DROP_NONE) {
                                if (hdr.tunnel.ecn == ECN_CE) {
                                    if (hdr.tunnel.inner_ecn == ECN_NONE) {
                                        meta.drop_reason = DROP_TUNNEL;
                                    } else if (hdr.tunnel.inner_ecn == ECN_ECT_0) {
                                        hdr.inner_ipv4.dscp_ecn = hdr.inner_ipv4.dscp_ecn + 1;
                                        if (hdr.inner_ipv4.checksum == 0) {
                                            hdr.inner_ipv4.checksum = 0xffff;
                                        }
                                        hdr.inner_ipv4.checksum = hdr.inner_ipv4.checksum - 1;
                                    } else if (hdr.tunnel.inner_ecn == ECN_ECT_1) {
                                        hdr.inner_ipv4.dscp_ecn = hdr.inner_ipv4.dscp_ecn + 2;
                                        if (hdr.inner_ipv4.checksum < 2) {
                                            hdr.inner_ipv4.checksum = hdr.inner_ipv4.checksum - 1;
                                        }
                                        hdr.inner_ipv4.checksum = hdr.inner_ipv4.checksum - 2;
                                    }
                                } else if (hdr.tunnel.ecn == ECN_ECT_1 && hdr.tunnel.inner_ecn == ECN_ECT_0) {
                                    hdr.inner_ipv4.dscp_ecn = hdr.inner_ipv4.dscp_ecn - 1;
                                    if (hdr.inner_ipv4.checksum == 0xffff) {
                                        hdr.inner_ipv4.checksum = 0;
                                    }
                                    hdr.inner_ipv4.checksum = hdr.inner_ipv4.checksum + 1;
                                }
                            }
                            if (meta.drop_reason == DROP_NONE) {
                                hdr.ipv4.setInvalid();
                                hdr.udp.setInvalid();
                                hdr.vxlan.setInvalid();
                                recirculate();
                            }
                        }
                    }
                }
