// SPDX-License-Identifier: Apache-2.0
// k8s_dp: Kubernetes pod networking as a virtual router. Each pod has its own port, sends everything to a dummy
// gateway, and reaches other pods, the host and the uplink at layer 3.
//
// All packets are processed in the same order: classify the port, guard the source, answer ARP or route IPv4. Any error sets
// a reason; one place at the end counts it and drops the packet.

#include <core.p4>
#include <pna.p4>

#include "include/headers.p4"
#include "include/drop_reasons.p4"
#include "include/metadata.p4"
#include "include/parser.p4"
#include "include/deparser.p4"
#include "include/services/constants.p4"

const bit<16> ARP_HARDWARE_ETHERNET = 1;
const bit<16> ARP_REQUEST = 1;
const bit<16> ARP_REPLY = 2;
const bit<8>  IPV4_PLAIN_HEADER = 0x45;
const bit<32> FIRST_MULTICAST = 0xe0000000;
const bit<32> LINK_LOCAL = 0xa9fe0000;

// The sum over a whole header with its checksum is zero, in one of its two forms.
#define CHECK_HEADER_SUM \
    if (meta.header_sum != 0 && meta.header_sum != 0xffff) { \
        meta.drop_reason = DROP_BAD_CHECKSUM; \
    }

control pre_control(
    in headers_t hdr,
    inout metadata_t meta,
    in pna_pre_input_metadata_t istd,
    inout pna_pre_output_metadata_t ostd)
{
    apply {
    }
}

control k8s_dp_control(
    inout headers_t hdr,
    inout metadata_t meta,
    in pna_main_input_metadata_t istd,
    inout pna_main_output_metadata_t ostd)
{
    Hash<bit<16>>(PNA_HashAlgorithm_t.CRC32) flow_hash;
    // p4c-dpdk compiles this to Jenkins's hash.
    Hash<bit<16>>(PNA_HashAlgorithm_t.IDENTITY) port_hash;
    // P4-DPDK compiles the pipeline to C with strict aliasing: `clear` and `get` are 64-bit moves, sums access 16 bits
    // and whole headers 32, and the compiler reorders these relative to each other, but never across a table lookup.
    // Therefore each state is cleared at the end of a packet for the next one, and read only after a table lookup that follows the
    // last sum; a whole header is summed only if none of its fields was set since the last lookup.
    InternetChecksum() header_sum;
    InternetChecksum() transport_sum;
    // Of the packet quoted by an ICMP error.
    InternetChecksum() quoted_header_sum;
    InternetChecksum() quoted_l4_sum;
    // Frames that end within a header don't get here: a target that detects them counts them in this cell.
    @truncated_frames(31)
    Counter<bit<64>, bit<32>>(DROP_REASONS, PNA_CounterType_t.PACKETS) drops;
    DirectCounter<bit<64>>(PNA_CounterType_t.PACKETS) service_packets;
    DirectCounter<bit<64>>(PNA_CounterType_t.PACKETS) backend_packets;

    // All tables are in this control: p4c prefixes the target name of a table in a nested control, and P4-DPDK looks up a
    // table by its P4 name to delete from it.
#include "include/services/frontends.p4"
#include "include/services/backends.p4"
#include "include/services/masquerade.p4"
#include "include/services/connections.p4"
#include "include/services/shares.p4"
#include "include/services/learned.p4"
#include "include/services/held.p4"
#include "include/fragments/learned.p4"
#include "include/errors/limit.p4"
#include "include/nodes/routes.p4"
#include "include/nodes/next_hops.p4"
#include "include/nodes/tunnels.p4"
#include "include/policy/sets.p4"
#include "include/policy/peers.p4"
#include "include/policy/ports.p4"
#include "include/policy/groups.p4"
#include "include/policy/verdicts.p4"
#include "include/policy/flow.p4"

    // ---- Class of the port. `port` is the port itself: an ARP reply goes back there, and this target accepts an
    // ---- output port only from a constant or an action parameter.

    action pod_port(PortId_t port, bit<48> gateway_mac) {
        meta.port_class = CLASS_POD;
        meta.gateway_mac = gateway_mac;
        send_to_port(port);
    }

    // The sets are the pod's policies; 0: not isolated in this direction. (Other pods do not pay for policy: only these set the flag.)
    action isolated_pod_port(PortId_t port, bit<48> gateway_mac, bit<32> egress_set, bit<32> ingress_set) {
        meta.port_class = CLASS_POD;
        meta.gateway_mac = gateway_mac;
        hdr.judge.isolated = ISOLATED_HERE;
        hdr.judge.own_egress = egress_set;
        hdr.judge.own_ingress = ingress_set;
        send_to_port(port);
    }

    action host_port(PortId_t port, bit<48> gateway_mac) {
        meta.port_class = CLASS_HOST;
        meta.gateway_mac = gateway_mac;
        send_to_port(port);
    }

    // ARP from the uplink goes to `arp_port`: the exception port, or the host. `gateway_mac` is the address that
    // the uplink's neighbours send to. `tunnel_ip` 0: no tunnels.
    action uplink_port(PortId_t arp_port, bit<48> gateway_mac, bit<32> tunnel_ip, bit<48> tunnel_mac, bit<16> tunnel_port) {
        meta.port_class = CLASS_UPLINK;
        meta.gateway_mac = gateway_mac;
        hdr.uplink.tunnel_ip = tunnel_ip;
        hdr.uplink.tunnel_mac = tunnel_mac;
        hdr.uplink.tunnel_port = tunnel_port;
        send_to_port(arp_port);
    }

    // The ACC's kernel, which is trusted: its frames leave through the uplink as they are.
    action exception_port(PortId_t uplink) {
        meta.port_class = CLASS_EXCEPTION;
        send_to_port(uplink);
    }

    action unknown_port() {
        meta.port_class = CLASS_UNKNOWN;
    }

    table port_class {
        key = {
            hdr.guard.port: exact @name("port");
        }
        actions = {
            pod_port;
            isolated_pod_port;
            host_port;
            uplink_port;
            exception_port;
            @defaultonly unknown_port;
        }
        const default_action = unknown_port;
        size = 4096;
    }

    // ---- Source guard: a pod's port may send only from its own MAC and IP addresses.

    action allow_mac() {
    }

    action deny_mac() {
        meta.drop_reason = DROP_SPOOFED_MAC;
    }

    table mac_guard {
        key = {
            hdr.guard.port: exact @name("port");
            hdr.guard.mac: exact @name("src_mac");
        }
        actions = {
            allow_mac;
            @defaultonly deny_mac;
        }
        const default_action = deny_mac;
        size = 4096;
    }

    action allow_source() {
        hdr.flow.guarded = 1;
    }

    action deny_source() {
        hdr.flow.guarded = 0;
    }

    table source_guard {
        key = {
            hdr.guard.port: exact @name("port");
            hdr.guard.mac: exact @name("src_mac");
            hdr.guard.ip: exact @name("src_ip");
        }
        actions = {
            allow_source;
            @defaultonly deny_source;
        }
        const default_action = deny_source;
        size = 16384;
    }

    // Addresses of this node's pods: no other port may use them as a source.
    action local_source() {
        hdr.work.address = 0;
        meta.drop_reason = DROP_SPOOFED_POD;
    }

    // The node's own addresses: valid except from the uplink. No port may use the gateway's address.
    action node_source() {
        hdr.work.address = 0;
        meta.from_node = FROM_NODE;
        if (meta.port_class == CLASS_UPLINK) {
            meta.drop_reason = DROP_SPOOFED_NODE;
        }
    }

    // An address of the host that other machines can't answer to.
    action internal_source() {
        hdr.work.address = 0;
        meta.from_node = FROM_INTERNAL;
        if (meta.port_class == CLASS_UPLINK) {
            meta.drop_reason = DROP_SPOOFED_NODE;
        }
    }

    action gateway_source() {
        hdr.work.address = 0;
        meta.drop_reason = DROP_SPOOFED_NODE;
    }

    // (Masked here: masking at the comparison would take metadata. Zero for the node's own addresses.)
    action foreign_source() {
        hdr.work.address = hdr.guard.ip & 0xffff0000;
    }

    table local_sources {
        key = {
            hdr.guard.ip: exact @name("src_ip");
        }
        actions = {
            local_source;
            node_source;
            internal_source;
            gateway_source;
            @defaultonly foreign_source;
        }
        const default_action = foreign_source;
        size = 16384;
    }

    // ---- Forwarding

    action to_pod(PortId_t port, bit<48> src_mac, bit<48> dst_mac) {
        hdr.judge.pod = POD_PLAIN;
        hdr.ethernet.src_mac = src_mac;
        hdr.ethernet.dst_mac = dst_mac;
        send_to_port(port);
    }

    action to_isolated_pod(PortId_t port, bit<48> src_mac, bit<48> dst_mac, bit<32> egress_set, bit<32> ingress_set) {
        hdr.judge.pod = POD_ISOLATED;
        hdr.judge.isolated = hdr.judge.isolated | ISOLATED_THERE;
        hdr.judge.there_egress = egress_set;
        hdr.judge.there_ingress = ingress_set;
        hdr.ethernet.src_mac = src_mac;
        hdr.ethernet.dst_mac = dst_mac;
        send_to_port(port);
    }

    action no_pod() {
        hdr.judge.pod = POD_NONE;
    }

    table pods {
        key = {
            hdr.ipv4.dst_ip: exact @name("dst_ip");
        }
        actions = {
            to_pod;
            to_isolated_pod;
            @defaultonly no_pod;
        }
        const default_action = no_pod;
        size = 16384;
    }

    apply {
        meta.drop_reason = DROP_NONE;
        meta.refusal = DROP_NONE;
        meta.port_class = CLASS_UNKNOWN;
        hdr.flow.guarded = 0;
        meta.from_node = FROM_OTHER;
        hdr.judge.isolated = 0;
        hdr.guard.port = (bit<32>) istd.input_port;
        if (hdr.ipv4.isValid()) {
            header_sum.add(hdr.ipv4);
        }

        port_class.apply();
        if (meta.port_class == CLASS_UNKNOWN) {
            meta.drop_reason = DROP_UNKNOWN_PORT;
        } else if (meta.port_class == CLASS_POD) {
            mac_guard.apply();
            if (meta.drop_reason == DROP_NONE) {
                source_guard.apply();
            }
        }

        if (meta.drop_reason == DROP_NONE && meta.port_class != CLASS_EXCEPTION) {
            if (hdr.arp.isValid()) {
                if (hdr.arp.hardware_type != ARP_HARDWARE_ETHERNET) {
                    meta.drop_reason = DROP_MALFORMED;
                } else if (hdr.arp.protocol_type != ETHERTYPE_IPV4) {
                    meta.drop_reason = DROP_MALFORMED;
                } else if (hdr.arp.hardware_length != 6) {
                    meta.drop_reason = DROP_MALFORMED;
                } else if (hdr.arp.protocol_length != 4) {
                    meta.drop_reason = DROP_MALFORMED;
                } else if (meta.port_class != CLASS_UPLINK) {
                    if (hdr.arp.sender_mac != hdr.ethernet.src_mac) {
                        meta.drop_reason = DROP_SPOOFED_ARP;
                    } else if (hdr.arp.sender_ip == 0) {
                        // A pod that probes its own address must not be told that it is taken; the host's probes
                        // can't be checked, so none is answered.
                        if (hdr.flow.guarded == 1 || meta.port_class == CLASS_HOST) {
                            meta.drop_reason = DROP_ARP_IGNORED;
                        }
                    } else if (meta.port_class == CLASS_POD && hdr.flow.guarded == 0) {
                        meta.drop_reason = DROP_SPOOFED_ARP;
                    } else if (hdr.arp.sender_ip == hdr.arp.target_ip) {
                        meta.drop_reason = DROP_ARP_IGNORED;
                    }
                    if (meta.drop_reason == DROP_NONE) {
                        if (hdr.arp.operation != ARP_REQUEST) {
                            meta.drop_reason = DROP_ARP_IGNORED;
                        } else {
                            hdr.ethernet.dst_mac = hdr.ethernet.src_mac;
                            hdr.ethernet.src_mac = meta.gateway_mac;
                            hdr.arp.operation = ARP_REPLY;
                            hdr.work.address = hdr.arp.sender_ip;
                            hdr.arp.target_mac = hdr.arp.sender_mac;
                            hdr.arp.sender_mac = meta.gateway_mac;
                            hdr.arp.sender_ip = hdr.arp.target_ip;
                            hdr.arp.target_ip = hdr.work.address;
                        }
                    }
                }
            } else {
#include "include/nodes/decapsulate.p4"
                if (hdr.ipv4.isValid()) {
                    // Guard: a pod may use only its own address; host and uplink may use any except those of local pods and the gateway,
                // and the uplink none of the node's own.
                    if (hdr.flow.guarded == 0 && meta.drop_reason == DROP_NONE) {
                        local_sources.apply();
                        if (meta.drop_reason == DROP_NONE) {
                            if (meta.port_class == CLASS_POD) {
                                meta.drop_reason = DROP_SPOOFED_IP;
                            } else if (hdr.ipv4.src_ip == 0) {
                                meta.drop_reason = DROP_BAD_SOURCE;
                            } else if (hdr.ipv4.src_ip >= FIRST_MULTICAST) {
                                meta.drop_reason = DROP_BAD_SOURCE;
                            } else if ((hdr.ipv4.src_ip & 0xff000000) == 0x7f000000) {
                                meta.drop_reason = DROP_BAD_SOURCE;
                            } else if (hdr.work.address == LINK_LOCAL) {
                                // RFC 3927, 2.7
                                meta.drop_reason = DROP_BAD_SOURCE;
                            }
                        }
                    }

                    // RFC 1812, 5.2.2 and 5.3.7
                    if (meta.drop_reason == DROP_NONE) {
                        if (hdr.ipv4.version_ihl != IPV4_PLAIN_HEADER) {
                            meta.drop_reason = DROP_MALFORMED;
                            hdr.work.bits = hdr.ipv4.version_ihl & 0xf0;
                            if (hdr.work.bits == 0x40) {
                                // As a number, it is above 0x45 if and only if the header has options.
                                if (hdr.ipv4.version_ihl >= IPV4_PLAIN_HEADER) {
                                    meta.drop_reason = DROP_IP_OPTIONS;
                                }
                            }
                        } else if (hdr.ipv4.total_length < 20) {
                            meta.drop_reason = DROP_MALFORMED;
                        } else if (hdr.ipv4.dst_ip >= FIRST_MULTICAST) {
                            meta.drop_reason = DROP_MULTICAST;
                        } else if (hdr.ethernet.dst_mac != meta.gateway_mac) {
                            meta.drop_reason = DROP_NOT_FOR_GATEWAY;
                        } else {
                            meta.header_sum = header_sum.get();
                            if (hdr.ipv4.total_length < 40) {
                                if (hdr.ipv4.ttl < 2) {
                                    meta.drop_reason = DROP_TTL_EXPIRED;
                                }
                                // A packet that ends within the layer-4 header.
                                if (hdr.tcp.isValid()) {
                                    meta.drop_reason = DROP_MALFORMED;
                                } else if (hdr.ipv4.total_length < 32) {
                                    if (hdr.sctp.isValid()) {
                                        meta.drop_reason = DROP_MALFORMED;
                                    } else if (hdr.ipv4.total_length < 28) {
                                        if (hdr.udp.isValid() || hdr.icmp.isValid()) {
                                            meta.drop_reason = DROP_MALFORMED;
                                        }
                                    }
                                }
                                CHECK_HEADER_SUM
                            } else if (hdr.ipv4.ttl < 2) {
                                meta.drop_reason = DROP_TTL_EXPIRED;
                                CHECK_HEADER_SUM
                            } else {
                                CHECK_HEADER_SUM
                            }
                        }
                    }

#include "include/fragments/find.p4"
                    if (meta.drop_reason == DROP_NONE) {
                        if (!hdr.quoted.isValid()) {
#include "include/services/choose.p4"
                        } else {
#include "include/errors/find.p4"
                        }
#include "include/policy/judge.p4"
                        if (!hdr.quoted.isValid()) {
#include "include/services/learn.p4"
                        } else {
#include "include/errors/rewrite.p4"
                        }
                    }
                    if (meta.drop_reason == DROP_NONE) {
                        if (hdr.flow.rewritten == 0) {
                            hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
                        } else {
                            if (meta.refusal == DROP_NONE) {
                                // RFC 1624. The state is zero: the sum over a whole header.
                                header_sum.subtract(hdr.ipv4.checksum);
                                hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
                                // The TTL is the upper byte of its word.
                                hdr.work.wide = 0x0100;
                                header_sum.subtract(hdr.work.wide);
                            }
                            // Again, after the sums: see above.
                            pods.apply();
                        }
                        if (hdr.judge.pod == POD_NONE) {
                            hdr.held.kind = HELD_ADDRESS;
                            hdr.held.value = hdr.ipv4.dst_ip;
                            held.apply();
                            if (meta.drop_reason == DROP_NONE) {
#include "include/nodes/route.p4"
                            }
                        }
                    }
#include "include/errors/send.p4"
                    if (meta.drop_reason == DROP_NONE) {
                        if (hdr.flow.rewritten == 0) {
                            // Only the TTL has changed. (By hand, so that `pods` need not be looked up between the sums and here.)
                            hdr.ipv4.checksum = hdr.ipv4.checksum + 0x0100;
                            if (hdr.ipv4.checksum < 0x0100) {
                                hdr.ipv4.checksum = hdr.ipv4.checksum + 1;
                            } else if (hdr.ipv4.checksum == 0xffff) {
                                hdr.ipv4.checksum = 0;
                            }
                        } else {
                            hdr.ipv4.checksum = header_sum.get();
                            if (meta.refusal != DROP_NONE) {
                                if (hdr.icmp.isValid()) {
                                    hdr.icmp.checksum = transport_sum.get();
                                } else {
                                    hdr.tcp.checksum = transport_sum.get();
                                }
                            } else if (hdr.quoted_l4.isValid()) {
                                hdr.icmp.checksum = transport_sum.get();
                                hdr.quoted.checksum = quoted_header_sum.get();
                                if (meta.protocol == PROTOCOL_ICMP) {
                                    hdr.quoted_l4.second = quoted_l4_sum.get();
                                } else if (meta.protocol == PROTOCOL_UDP && hdr.quoted_l4.fourth != 0) {
                                    hdr.quoted_l4.fourth = quoted_l4_sum.get();
                                }
                                quoted_header_sum.clear();
                                quoted_l4_sum.clear();
                            } else if (hdr.icmp.isValid()) {
                                hdr.icmp.checksum = transport_sum.get();
                            } else if (hdr.tcp.isValid()) {
                                hdr.tcp.checksum = transport_sum.get();
                            } else if (hdr.udp.isValid()) {
                                // Zero: the sender computed none (RFC 768).
                                if (hdr.udp.checksum != 0) {
                                    hdr.udp.checksum = transport_sum.get();
                                }
                            }
                        }
                    }
                } else if (!hdr.inner_ipv4.isValid()) {
                    meta.drop_reason = DROP_UNSUPPORTED_ETHERTYPE;
                }
            }
        }

        header_sum.clear();
        transport_sum.clear();
        if (meta.refusal != DROP_NONE) {
            drops.count(meta.refusal);
        }
        if (meta.drop_reason != DROP_NONE) {
            quoted_header_sum.clear();
            quoted_l4_sum.clear();
            drops.count(meta.drop_reason);
            drop_packet();
        }
    }
}

@pkginfo(name="k8s_dp")
PNA_NIC(
    packet_parser(),
    pre_control(),
    k8s_dp_control(),
    packet_deparser()) main;
