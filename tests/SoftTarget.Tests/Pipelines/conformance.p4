// SPDX-License-Identifier: Apache-2.0
// The pipeline of the soft target's conformance tests: one table of each P4Runtime kind.

#include <core.p4>
#include <pna.p4>

header ethernet_t {
    bit<48> dst_mac;
    bit<48> src_mac;
    bit<16> ether_type;
}

header ipv4_t {
    bit<8>  version_ihl;
    bit<8>  tos;
    bit<16> total_length;
    bit<16> id;
    bit<16> flags_offset;
    bit<8>  ttl;
    bit<8>  protocol;
    bit<16> checksum;
    bit<32> src_ip;
    bit<32> dst_ip;
}

header ports_t {
    bit<16> src_port;
    bit<16> dst_port;
}

struct headers_t {
    ethernet_t ethernet;
    ipv4_t     ipv4;
    ports_t    ports;
}

struct metadata_t {
    bit<32> input_port;
    bit<12> narrow;
    bit<9>  hint;
}

parser main_parser(
    packet_in packet,
    out headers_t hdr,
    inout metadata_t meta,
    in pna_main_parser_input_metadata_t istd)
{
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            0x0800: parse_ipv4;
            default: accept;
        }
    }

    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        transition select(hdr.ipv4.protocol) {
            6: parse_ports;
            17: parse_ports;
            default: accept;
        }
    }

    state parse_ports {
        packet.extract(hdr.ports);
        transition accept;
    }
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

control conformance(
    inout headers_t hdr,
    inout metadata_t meta,
    in pna_main_input_metadata_t istd,
    inout pna_main_output_metadata_t ostd)
{
    Counter<bit<64>, bit<32>>(16, PNA_CounterType_t.PACKETS_AND_BYTES) seen;
    Counter<bit<64>, bit<32>>(16, PNA_CounterType_t.PACKETS) seen_packets;
    Register<bit<32>, bit<32>>(8) notes;
    DirectCounter<bit<64>>(PNA_CounterType_t.PACKETS_AND_BYTES) bridge_counter;
    ActionSelector(PNA_HashAlgorithm_t.CRC32, 32w64, 32w16) balancer;
    ActionProfile(64) profile;

    action forward(PortId_t port) {
        send_to_port(port);
        bridge_counter.count(32w64);
    }

    action flood_drop() {
        drop_packet();
        bridge_counter.count(32w64);
    }

    table bridge {
        key = {
            hdr.ethernet.dst_mac: exact;
        }
        actions = {
            forward;
            flood_drop;
        }
        default_action = flood_drop;
        pna_direct_counter = bridge_counter;
        size = 1024;
    }

    action out_of(PortId_t port) {
        send_to_port(port);
    }

    action mark(bit<12> tag, bit<9> hint) {
        meta.narrow = tag;
        meta.hint = hint;
    }

    action discard() {
        drop_packet();
    }

    action deny() {
        drop_packet();
    }

    table ingress_port {
        key = {
            meta.input_port: exact @name("port");
        }
        actions = {
            out_of;
            mark;
            discard;
            @tableonly deny;
            @defaultonly NoAction;
        }
        default_action = NoAction;
        size = 8;
    }

    table route {
        key = {
            hdr.ipv4.dst_ip: lpm;
        }
        actions = {
            out_of;
            discard;
        }
        const default_action = discard;
        size = 4096;
    }

    table access {
        key = {
            hdr.ipv4.src_ip: ternary @name("src_ip");
            hdr.ipv4.dst_ip: ternary @name("dst_ip");
            hdr.ports.dst_port: range @name("dst_port");
            hdr.ipv4.protocol: optional @name("protocol");
            meta.narrow: exact @name("tag");
        }
        actions = {
            discard;
            mark;
            NoAction;
        }
        const default_action = NoAction;
        size = 1024;
    }

    table service {
        key = {
            hdr.ipv4.dst_ip: exact @name("vip");
            hdr.ipv4.src_ip: selector;
            hdr.ports.src_port: selector;
        }
        actions = {
            out_of;
            discard;
            NoAction;
        }
        pna_implementation = balancer;
        size = 64;
    }

    table nexthop {
        key = {
            hdr.ipv4.tos: exact @name("tos");
        }
        actions = {
            out_of;
            discard;
            NoAction;
        }
        pna_implementation = profile;
        size = 64;
    }

    action pinned(PortId_t port) {
        send_to_port(port);
    }

    action learn() {
        add_entry(action_name = "pinned", action_params = (PortId_t)7, expire_time_profile_id = (ExpireTimeProfileId_t)1);
    }

    table flows {
        key = {
            hdr.ipv4.src_ip: exact @name("src_ip");
            hdr.ipv4.dst_ip: exact @name("dst_ip");
        }
        actions = {
            @tableonly pinned;
            @defaultonly learn;
        }
        add_on_miss = true;
        const default_action = learn;
        size = 1024;
    }

    apply {
        meta.input_port = (bit<32>)istd.input_port;
        seen.count(meta.input_port, (bit<32>)hdr.ipv4.total_length);
        seen_packets.count(meta.input_port);
        notes.write(32w0, meta.input_port);
        meta.narrow = 0;
        ingress_port.apply();
        if (hdr.ipv4.isValid()) {
            route.apply();
            service.apply();
            nexthop.apply();
            if (hdr.ports.isValid()) {
                access.apply();
                flows.apply();
            }
        } else {
            bridge.apply();
        }
    }
}

control main_deparser(
    packet_out packet,
    in headers_t hdr,
    in metadata_t meta,
    in pna_main_output_metadata_t ostd)
{
    apply {
        packet.emit(hdr.ethernet);
        packet.emit(hdr.ipv4);
        packet.emit(hdr.ports);
    }
}

PNA_NIC(main_parser(), pre_control(), conformance(), main_deparser()) main;
