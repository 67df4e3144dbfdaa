// SPDX-License-Identifier: Apache-2.0
// Part of the main control's apply block: network policy. Judged after the real destination is chosen, and before anything is learned:
// denied packets take no entry and no share. By the client's own address and the real destination, in the flow's direction: a reply is
// judged like the request that it answers, on every packet. So a changed policy holds from the next packet, both ways. The contract of the
// tables is in docs/programming.md, "Policy in the pipeline".

                    if (hdr.judge.isolated != 0) {
                        if (meta.drop_reason == DROP_NONE && meta.refusal == DROP_NONE) {
                            // ---- What only isolated pods need
                            hdr.work.bits = hdr.judge.isolated & ISOLATED_HERE;
                            if (hdr.work.bits == 0) {
                                hdr.judge.own_egress = 0;
                                hdr.judge.own_ingress = 0;
                            }
                            if (hdr.judge.pod != POD_ISOLATED) {
                                hdr.judge.there_egress = 0;
                                hdr.judge.there_ingress = 0;
                            }
                            if (!hdr.quoted.isValid()) {
                                if (hdr.flow.found == 1) {
                                    hdr.judge.began = BEGAN_OTHER;
                                } else if (meta.plan != PLAN_NONE) {
                                    hdr.judge.began = BEGAN_SENDER;
                                }
                            }

                            // ---- The flow, as its client sees it
                            hdr.judge.transport = hdr.ipv4.protocol;
                            if (hdr.judge.began != BEGAN_SENDER) {
                                hdr.judge.egress_set = hdr.judge.there_egress;
                                hdr.judge.ingress_set = hdr.judge.own_ingress;
                                hdr.judge.client = hdr.ipv4.dst_ip;
                                hdr.judge.server = hdr.guard.ip;
                                hdr.judge.l4_port = hdr.judge.source_port;
                                if (hdr.back.from_node != FROM_OTHER) {
                                    hdr.judge.ingress_set = 0;
                                }
                            } else {
                                hdr.judge.egress_set = hdr.judge.own_egress;
                                hdr.judge.ingress_set = hdr.judge.there_ingress;
                                hdr.judge.client = hdr.guard.ip;
                                hdr.judge.server = hdr.ipv4.dst_ip;
                                hdr.judge.l4_port = meta.service_port;
                                if (meta.plan != PLAN_NONE) {
                                    hdr.judge.l4_port = meta.remote_port;
                                }
                                // The node reaches its own pods.
                                if (meta.from_node != FROM_OTHER) {
                                    hdr.judge.ingress_set = 0;
                                }
                            }
                            if (hdr.quoted.isValid()) {
                                if (hdr.flow.found == 1) {
                                    // An error belongs to the flow that it is about, whoever sends it.
                                    hdr.judge.transport = meta.protocol;
                                    if (hdr.judge.began != BEGAN_SENDER) {
                                        hdr.judge.server = meta.client_ip;
                                        hdr.judge.l4_port = meta.client_port;
                                    } else {
                                        hdr.judge.client = meta.client_ip;
                                        hdr.judge.l4_port = meta.remote_port;
                                    }
                                    if (meta.protocol == PROTOCOL_ICMP) {
                                        hdr.judge.l4_port = ICMP_ECHO;
                                    }
                                } else {
                                    hdr.judge.l4_port = hdr.judge.icmp_kind;
                                }
                            } else if (hdr.ipv4.protocol == PROTOCOL_ICMP) {
                                // Only an echo has replies and later fragments.
                                hdr.judge.l4_port = ICMP_ECHO;
                                if (hdr.icmp.isValid() && hdr.judge.began == BEGAN_SENDER) {
                                    hdr.judge.l4_port = hdr.judge.icmp_kind;
                                }
                            } else if (meta.protocol == 0) {
                                // No flow: protocols without ports, and the ports of tunnels.
                                hdr.judge.l4_port = 0;
                                if (hdr.udp.isValid()) {
                                    hdr.judge.l4_port = hdr.udp.dst_port;
                                }
                            }

                            // ---- The verdict
                            if (hdr.fragment.isValid() && hdr.fragment.first == 0 && hdr.fragment.known == FRAGMENT_UNKNOWN) {
                                // Its first fragment was denied, or not seen.
                                meta.drop_reason = DROP_SERVICE_FRAGMENT;
                            } else {
                                JUDGE_FLOW
                                if (hdr.judge.began == BEGAN_OTHER_PERHAPS && meta.drop_reason == DROP_NONE) {
                                    // Its sender chose the port: it must be allowed to begin such a flow, too.
                                    hdr.judge.egress_set = hdr.judge.own_egress;
                                    hdr.judge.ingress_set = hdr.judge.there_ingress;
                                    hdr.judge.client = hdr.guard.ip;
                                    hdr.judge.server = hdr.ipv4.dst_ip;
                                    hdr.judge.l4_port = meta.service_port;
                                    if (meta.from_node != FROM_OTHER) {
                                        hdr.judge.ingress_set = 0;
                                    }
                                    JUDGE_FLOW
                                }
                            }
                        }
                    }
