// SPDX-License-Identifier: Apache-2.0
// Part of the main control's apply block: the way of a packet that is not for a pod of this node, through up to four tables. (Included
// twice: for packets, and for the pipeline's own messages.)

#ifndef NEXT_NEIGHBOR_SLOT
// An address has four slots, all addresses share the others, for ten seconds each.
#define SLOTS_OF_NEIGHBORS 0x07ff
#define NEXT_NEIGHBOR_SLOT(next) \
    if (hdr.answer.limited == 1) { \
        hdr.answer.slot = next; \
        answers.apply(); \
    }
#endif

                        hdr.hop.named = HOP_NONE;
                        routes.apply();
                        if (hdr.hop.named != HOP_NONE) {
                            if (hdr.hop.named == HOP_OF_DESTINATION) {
                                destinations.apply();
                            }
                            hdr.hop.inside = 0;
                            hdr.hop.unresolved = 0;
                            next_hops.apply();
                            if (hdr.encapsulation.isValid()) {
                                // RFC 7348, 5: the source port tells flows apart, from the dynamic range (RFC 6335). Fragments don't
                                // use their ports, which only the first one has.
                                hdr.hashed.client_ip = hdr.ipv4.src_ip;
                                hdr.hashed.client_port = 0;
                                hdr.hashed.outside = 0;
                                hdr.hashed.service_ip = hdr.ipv4.dst_ip;
                                hdr.hashed.service_port = 0;
                                hdr.hashed.protocol = hdr.ipv4.protocol;
                                if (hdr.icmp.isValid() || hdr.fragment.isValid()) {
                                    // An ICMP error of the pipeline has the headers that it quotes.
                                } else if (hdr.tcp.isValid()) {
                                    hdr.hashed.client_port = hdr.tcp.src_port;
                                    hdr.hashed.service_port = hdr.tcp.dst_port;
                                } else if (hdr.udp.isValid()) {
                                    hdr.hashed.client_port = hdr.udp.src_port;
                                    hdr.hashed.service_port = hdr.udp.dst_port;
                                } else if (hdr.sctp.isValid()) {
                                    hdr.hashed.client_port = hdr.sctp.src_port;
                                    hdr.hashed.service_port = hdr.sctp.dst_port;
                                }
                                meta.hash = flow_hash.get_hash(hdr.hashed);
                                hdr.encapsulation.src_port = meta.hash | FIRST_DYNAMIC_PORT;
                                hdr.hop.inside = 1;
                                next_hops.apply();
                                // The sum over the outer header, with the carries added by hand: the extern must not read a header that
                                // was just set (`k8s_dp.p4`). After the lookup, so that p4c does not compute the values again.
                                hdr.encapsulation.checksum = hdr.encapsulation.checksum + hdr.encapsulation.total_length;
                                if (hdr.encapsulation.checksum < hdr.encapsulation.total_length) {
                                    hdr.encapsulation.checksum = hdr.encapsulation.checksum + 1;
                                }
                                hdr.work.wide = (bit<16>) hdr.encapsulation.dscp_ecn;
                                hdr.encapsulation.checksum = hdr.encapsulation.checksum + hdr.work.wide;
                                if (hdr.encapsulation.checksum < hdr.work.wide) {
                                    hdr.encapsulation.checksum = hdr.encapsulation.checksum + 1;
                                }
                                hdr.encapsulation.checksum = hdr.encapsulation.checksum ^ 0xffff;
                            }
                            if (hdr.hop.unresolved == 1 && meta.drop_reason == DROP_NONE) {
                                // ---- A few packets per address, and not too many in all. Only packets that pass use up either limit, so
                                // ---- that traffic to one address does not keep the first packets to others from passing.
                                meta.new_expiry = EXPIRE_10;
                                hdr.answer.address = hdr.ipv4.dst_ip;
                                if (hdr.encapsulation.isValid()) {
                                    hdr.answer.address = hdr.encapsulation.dst_ip;
                                }
                                hdr.hop.address = hdr.answer.address;
                                hdr.answer.kind = TO_NEIGHBOR;
                                hdr.answer.takes = 0;
                                hdr.answer.slot = 0;
                                answers.apply();
                                NEXT_NEIGHBOR_SLOT(1)
                                NEXT_NEIGHBOR_SLOT(2)
                                NEXT_NEIGHBOR_SLOT(3)
                                if (hdr.answer.limited == 0) {
                                    hdr.answer.takes = 1;
                                    hdr.answer.own_slot = hdr.answer.slot;
                                    hdr.work.wide = neighbor_packets.read(0);
                                    hdr.work.wide = hdr.work.wide + 1;
                                    neighbor_packets.write(0, hdr.work.wide);
                                    hdr.answer.address = 0;
                                    hdr.answer.kind = TO_ANY_NEIGHBOR;
                                    hdr.answer.slot = hdr.work.wide & SLOTS_OF_NEIGHBORS;
                                    answers.apply();
                                    if (hdr.answer.limited == 0) {
                                        hdr.answer.address = hdr.hop.address;
                                        hdr.answer.kind = TO_NEIGHBOR;
                                        hdr.answer.slot = hdr.answer.own_slot;
                                        answers.apply();
                                    }
                                }
                                if (hdr.answer.limited == 1) {
                                    meta.drop_reason = DROP_NO_NEIGHBOR;
                                }
                            }
                            if (meta.drop_reason != DROP_NONE) {
                                hdr.encapsulation.setInvalid();
                            }
                        }
