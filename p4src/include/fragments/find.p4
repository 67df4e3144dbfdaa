// SPDX-License-Identifier: Apache-2.0
// Part of the main control's apply block: a later fragment gets the ports of the first fragment, if that was learned
// (`teach.p4`). Other traffic is routed without ports.

                if (hdr.fragment.isValid() && meta.drop_reason == DROP_NONE) {
                    if (hdr.fragment.first == 1) {
                        hdr.fragment.client_port = meta.client_port;
                        hdr.fragment.service_port = meta.service_port;
                        hdr.fragment.known = FRAGMENT_KNOWN;
                        if (hdr.ipv4.total_length < 64) {
                            meta.drop_reason = DROP_TINY_FRAGMENT;
                        }
                    } else {
                        hdr.work.wide = hdr.ipv4.flags_offset & FRAGMENT_OFFSET;
                        if (hdr.work.wide < FIRST_LATER_OFFSET) {
                            meta.drop_reason = DROP_OVERLAPPING_FRAGMENT;
                        } else {
                            fragments.apply();
                            if (hdr.fragment.known == FRAGMENT_UNKNOWN) {
                                meta.protocol = 0;
                                if (meta.port_class == CLASS_POD) {
                                    hdr.leaving.ip = hdr.ipv4.dst_ip;
                                    outgoing.apply();
                                    if (hdr.leaving.pool != POOL_NONE) {
                                        meta.drop_reason = DROP_SERVICE_FRAGMENT;
                                    }
                                }
                            } else if (meta.protocol != PROTOCOL_TCP && meta.protocol != PROTOCOL_UDP) {
                                // Like its first fragment, a fragment of another protocol belongs to no flow.
                                if (meta.protocol != PROTOCOL_ICMP && meta.protocol != PROTOCOL_SCTP) {
                                    meta.protocol = 0;
                                }
                            }
                        }
                    }
                }
