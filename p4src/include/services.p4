// SPDX-License-Identifier: Apache-2.0
// Services and masquerading: which flow a packet belongs to, where it goes, and the rewriting of both directions. The tables'
// contract is in docs/programming.md, "Services in the pipeline".
//
// Learned entries hold pointers. A miss may learn, a hit can't (p4c); so where an entry has to be replaced, a second one
// is learned beside it, under a key that names the backend which the first one leads to (`after`).

// What to do with a flow that is not pinned.
const bit<8> PLAN_NONE = 0;
const bit<8> PLAN_BALANCE = 1;
const bit<8> PLAN_REFUSE = 2;
const bit<8> PLAN_DROP = 3;
// No service: only the source is rewritten.
const bit<8> PLAN_MASQUERADE = 4;

const bit<8> BACKEND_GONE = 0;
const bit<8> BACKEND_ELIGIBLE = 1;
const bit<8> BACKEND_DRAINING = 2;

const bit<8> POOL_NONE = 0;
// For who reaches himself: a pod through a service, the node a backend of its own. An address that is not the node's.
const bit<8> POOL_HAIRPIN = 254;
// For two flows that would be one at their backend. The node's address.
const bit<8> POOL_NODE = 255;

// p4c's timeouts, in seconds.
const bit<8> EXPIRE_10 = 0;
const bit<8> EXPIRE_30 = 1;
const bit<8> EXPIRE_60 = 2;
const bit<8> EXPIRE_120 = 3;
const bit<8> EXPIRE_300 = 4;
const bit<8> EXPIRE_43200 = 5;
const bit<8> EXPIRE_KEEP = 255;

const bit<16> FRAGMENTED = 0x3fff;

// Looks for a way back from one more source port.
#define TRY_NEXT_PORT \
    if (meta.collides == 1) { \
        meta.port_offset = meta.port_offset + meta.port_step; \
        meta.port_offset = meta.port_offset & meta.port_mask; \
        meta.local_port = meta.port_offset + meta.first_port; \
        replies.apply(); \
    }

// One digit of bucket = hash * buckets / 2^16: this target has no multiplication.
#define NEXT_DIGIT(digit) \
    meta.bucket = meta.bucket << 1; \
    if ((meta.buckets & digit) != 0) { \
        meta.bucket = meta.bucket + meta.wide_hash; \
    }

control services_control(inout headers_t hdr, inout metadata_t meta)
{
    Hash<bit<16>>(PNA_HashAlgorithm_t.CRC32) flow_hash;
    // p4c-dpdk makes Jenkins's hash of this.
    Hash<bit<16>>(PNA_HashAlgorithm_t.IDENTITY) port_hash;
    InternetChecksum() checksum;
    DirectCounter<bit<64>>(PNA_CounterType_t.PACKETS) service_packets;
    DirectCounter<bit<64>>(PNA_CounterType_t.PACKETS) backend_packets;

    // ---- Frontends: an address, protocol and port that clients send to

    action balance(bit<32> frontend_id, bit<32> set_id, bit<8> buckets, bit<8> pool, bit<8> affinity, bit<32> ranges_id) {
        meta.plan = PLAN_BALANCE;
        meta.frontend_id = frontend_id;
        meta.set_id = set_id;
        meta.buckets = buckets;
        meta.frontend_pool = pool;
        meta.affinity = affinity;
        meta.ranges_id = ranges_id;
        service_packets.count();
    }

    action refuse(bit<32> frontend_id, bit<8> pool) {
        meta.plan = PLAN_REFUSE;
        meta.frontend_id = frontend_id;
        meta.frontend_pool = pool;
        service_packets.count();
    }

    action drop_new(bit<32> frontend_id, bit<8> pool) {
        meta.plan = PLAN_DROP;
        meta.frontend_id = frontend_id;
        meta.frontend_pool = pool;
        service_packets.count();
    }

    action no_service() {
        meta.plan = PLAN_NONE;
        service_packets.count();
    }

    table services {
        key = {
            meta.outside: exact @name("outside");
            meta.service_ip: exact @name("ip");
            meta.service_port: exact @name("port");
            meta.protocol: exact @name("protocol");
        }
        actions = {
            balance;
            refuse;
            drop_new;
            @defaultonly no_service;
        }
        const default_action = no_service;
        pna_direct_counter = service_packets;
        size = 65536;
    }

    action frontend_address(bit<32> ip, bit<16> port) {
        meta.service_ip = ip;
        meta.service_port = port;
        meta.found = 1;
    }

    action no_frontend() {
        meta.found = 0;
    }

    table frontends {
        key = {
            meta.reply_frontend: exact @name("frontend_id");
        }
        actions = {
            frontend_address;
            @defaultonly no_frontend;
        }
        const default_action = no_frontend;
        size = 65536;
    }

    action in_range() {
    }

    action out_of_range() {
        meta.drop_reason = DROP_SOURCE_RANGE;
    }

    table source_ranges {
        key = {
            meta.ranges_id: exact @name("ranges_id");
            meta.client_ip: lpm @name("src_ip");
        }
        actions = {
            in_range;
            @defaultonly out_of_range;
        }
        const default_action = out_of_range;
        size = 16384;
    }

    // ---- Backends

    action bucket_backend(bit<32> backend_id) {
        meta.backend_id = backend_id;
    }

    action no_bucket() {
        meta.backend_id = 0;
    }

    table buckets {
        key = {
            meta.bucket: exact @name("bucket");
            meta.set_id: exact @name("set_id");
        }
        actions = {
            bucket_backend;
            @defaultonly no_bucket;
        }
        const default_action = no_bucket;
        size = 524288;
    }

    action to_backend(bit<32> ip, bit<16> port, bit<32> endpoint_id, bit<8> on_host) {
        meta.backend_state = BACKEND_ELIGIBLE;
        meta.remote_ip = ip;
        meta.remote_port = port;
        meta.endpoint_id = endpoint_id;
        meta.on_host = on_host;
        backend_packets.count();
    }

    action drain_backend(bit<32> ip, bit<16> port, bit<32> endpoint_id, bit<8> on_host) {
        meta.backend_state = BACKEND_DRAINING;
        meta.remote_ip = ip;
        meta.remote_port = port;
        meta.endpoint_id = endpoint_id;
        meta.on_host = on_host;
        backend_packets.count();
    }

    action no_backend() {
        meta.backend_state = BACKEND_GONE;
        backend_packets.count();
    }

    table backends {
        key = {
            meta.backend_id: exact @name("backend_id");
        }
        actions = {
            to_backend;
            drain_backend;
            @defaultonly no_backend;
        }
        const default_action = no_backend;
        pna_direct_counter = backend_packets;
        size = 262144;
    }

    // Who a packet may be a reply from. An address that gets a new owner gets a new id, so old ways back end here.
    action endpoint(bit<32> id) {
        meta.endpoint_id = id;
    }

    action no_endpoint() {
        meta.endpoint_id = 0;
    }

    table endpoints {
        key = {
            meta.remote_ip: exact @name("ip");
            meta.remote_port: exact @name("port");
            meta.protocol: exact @name("protocol");
        }
        actions = {
            endpoint;
            @defaultonly no_endpoint;
        }
        const default_action = no_endpoint;
        size = 262144;
    }

    // ---- Masquerading

    // Traffic of pods that is no service's and leaves the given prefixes gets a source of the node's own.
    action keep_source() {
    }

    action masquerade_source(bit<8> pool) {
        meta.plan = PLAN_MASQUERADE;
        meta.frontend_id = 0;
        meta.backend_id = 0;
        meta.frontend_pool = pool;
    }

    table outgoing {
        key = {
            meta.service_ip: lpm @name("dst_ip");
        }
        actions = {
            masquerade_source;
            keep_source;
        }
        const default_action = keep_source;
        size = 4096;
    }

    action pool_ports(bit<32> ip, bit<16> first_port, bit<16> port_mask) {
        meta.local_ip = ip;
        meta.first_port = first_port;
        meta.port_mask = port_mask;
    }

    action no_pool() {
        meta.drop_reason = DROP_MASQUERADE;
    }

    table pools {
        key = {
            meta.pool: exact @name("pool");
        }
        actions = {
            pool_ports;
            @defaultonly no_pool;
        }
        const default_action = no_pool;
        size = 256;
    }

    // ---- What the data plane learns

    action pinned(bit<32> backend_id, bit<8> pool, bit<16> source_port) {
        meta.backend_id = backend_id;
        meta.pool = pool;
        meta.source_port = source_port;
        if (meta.expiry == EXPIRE_KEEP) {
            restart_expire_timer();
        } else {
            set_entry_expire_time((ExpireTimeProfileId_t) meta.expiry);
        }
    }

    action pin() {
        if (meta.learn == 1) {
            add_entry(
                action_name = "pinned",
                action_params = { meta.backend_id, meta.pool, meta.source_port },
                expire_time_profile_id = (ExpireTimeProfileId_t) meta.new_expiry);
        }
    }

    table flows {
        key = {
            meta.after: exact @name("after");
            meta.client_ip: exact @name("client_ip");
            meta.client_port: exact @name("client_port");
            meta.outside: exact @name("outside");
            meta.service_ip: exact @name("ip");
            meta.service_port: exact @name("port");
            meta.protocol: exact @name("protocol");
        }
        actions = {
            @tableonly pinned;
            @defaultonly pin;
        }
        add_on_miss = true;
        idle_timeout_with_auto_delete = true;
        const default_action = pin;
        size = 262144;
    }

    action way_back(bit<32> frontend_id, bit<32> backend_id, bit<32> client_ip, bit<16> client_port, bit<8> outside) {
        meta.reply_frontend = frontend_id;
        meta.reply_backend = backend_id;
        meta.reply_client_ip = client_ip;
        meta.reply_client_port = client_port;
        meta.reply_outside = outside;
        meta.collides = 0;
        if (meta.learn == 1) {
            if (client_ip != meta.client_ip) {
                meta.collides = 1;
            } else if (client_port != meta.client_port) {
                meta.collides = 1;
            } else if (frontend_id != meta.frontend_id) {
                meta.collides = 1;
            }
        }
        if (meta.collides == 0) {
            if (meta.expiry == EXPIRE_KEEP) {
                restart_expire_timer();
            } else {
                set_entry_expire_time((ExpireTimeProfileId_t) meta.expiry);
            }
        }
    }

    action note_way_back() {
        meta.collides = 0;
        if (meta.learn == 1) {
            add_entry(
                action_name = "way_back",
                action_params = { meta.frontend_id, meta.backend_id, meta.client_ip, meta.client_port, meta.outside },
                expire_time_profile_id = (ExpireTimeProfileId_t) meta.new_expiry);
        }
    }

    table replies {
        key = {
            meta.protocol: exact @name("protocol");
            meta.remote_ip: exact @name("remote_ip");
            meta.remote_port: exact @name("remote_port");
            meta.endpoint_id: exact @name("endpoint_id");
            meta.local_ip: exact @name("local_ip");
            meta.local_port: exact @name("local_port");
        }
        actions = {
            @tableonly way_back;
            @defaultonly note_way_back;
        }
        add_on_miss = true;
        idle_timeout_with_auto_delete = true;
        const default_action = note_way_back;
        size = 262144;
    }

    action stick(bit<32> backend_id) {
        meta.backend_id = backend_id;
        restart_expire_timer();
    }

    action note_sticky() {
        if (meta.learn == 1) {
            add_entry(
                action_name = "stick",
                action_params = { meta.backend_id },
                expire_time_profile_id = (ExpireTimeProfileId_t) meta.affinity);
        }
    }

    table affinities {
        key = {
            meta.set_id: exact @name("set_id");
            meta.after: exact @name("after");
            meta.client_ip: exact @name("client_ip");
        }
        actions = {
            @tableonly stick;
            @defaultonly note_sticky;
        }
        add_on_miss = true;
        idle_timeout_with_auto_delete = true;
        const default_action = note_sticky;
        size = 65536;
    }

    apply {
        meta.plan = PLAN_NONE;
        meta.starts = 1;
        meta.expiry = EXPIRE_KEEP;
        meta.new_expiry = EXPIRE_30;
        meta.learn = 0;
        meta.found = 0;
        meta.after = 0;
        meta.outside = 0;
        if (meta.port_class == CLASS_UPLINK) {
            meta.outside = 1;
        }

        // ---- How long the flow is kept from now on. A timeout once chosen stays until a packet says otherwise.
        if (hdr.tcp.isValid()) {
            meta.new_expiry = EXPIRE_300;
            meta.starts = 0;
            if ((hdr.tcp.flags & TCP_RST) != 0) {
                meta.expiry = EXPIRE_10;
            } else if ((hdr.tcp.flags & TCP_FIN) != 0) {
                meta.expiry = EXPIRE_120;
            } else if ((hdr.tcp.flags & TCP_SYN) != 0) {
                if ((hdr.tcp.flags & TCP_ACK) != 0) {
                    meta.expiry = EXPIRE_300;
                } else {
                    meta.expiry = EXPIRE_60;
                    meta.new_expiry = EXPIRE_60;
                    meta.starts = 1;
                }
            } else if ((hdr.tcp.flags & TCP_PSH) != 0) {
                // Data, unlike the acknowledgment that ends a connection.
                meta.expiry = EXPIRE_43200;
                meta.new_expiry = EXPIRE_43200;
            }
        } else if (hdr.sctp.isValid()) {
            meta.new_expiry = EXPIRE_300;
            // Only an INIT has no tag (RFC 9260, 8.5.1).
            if (hdr.sctp.verification_tag != 0) {
                meta.starts = 0;
            }
        }

        if (meta.protocol != 0) {
            services.apply();
            if (meta.plan == PLAN_NONE) {
                // ---- Not to a service: a reply, or a pod's own traffic.
                meta.remote_ip = meta.client_ip;
                meta.remote_port = meta.client_port;
                meta.local_ip = meta.service_ip;
                meta.local_port = meta.service_port;
                endpoints.apply();
                if (meta.endpoint_id != 0 || meta.outside == 1) {
                    if (meta.protocol == PROTOCOL_UDP) {
                        meta.expiry = EXPIRE_120;
                    }
                    if (replies.apply().hit) {
                        meta.found = 1;
                        if (meta.reply_frontend != 0) {
                            frontends.apply();
                        } else {
                            meta.service_ip = meta.remote_ip;
                            meta.service_port = meta.remote_port;
                        }
                    }
                }
                if (meta.found == 1) {
                    // Both entries live as long as packets come from either side.
                    meta.client_ip = meta.reply_client_ip;
                    meta.client_port = meta.reply_client_port;
                    meta.outside = meta.reply_outside;
                    meta.backend_id = meta.reply_backend;
                    flows.apply();
                    if (meta.backend_id != meta.reply_backend) {
                        meta.after = meta.backend_id;
                        flows.apply();
                    }
                    meta.local_ip = meta.service_ip;
                    meta.local_port = meta.service_port;
                    meta.remote_ip = meta.client_ip;
                    meta.remote_port = meta.client_port;
                } else if (meta.port_class == CLASS_POD) {
                    // An echo reply without its request begins nothing.
                    if (meta.protocol != PROTOCOL_ICMP || hdr.icmp.type == ICMP_ECHO_REQUEST) {
                        outgoing.apply();
                        if (meta.protocol == PROTOCOL_UDP) {
                            meta.expiry = EXPIRE_KEEP;
                        }
                    }
                }
            }
        }

        // Later fragments have no ports: all of them are left out, so that no part of a packet goes astray.
        if (meta.plan != PLAN_NONE || meta.found == 1) {
            if ((hdr.ipv4.flags_offset & FRAGMENTED) != 0) {
                meta.drop_reason = DROP_SERVICE_FRAGMENT;
            }
        }

        if (meta.plan != PLAN_NONE && meta.drop_reason == DROP_NONE) {
            // ---- Where the flow goes: as it did before, if it may
            meta.pinned = 0;
            if (flows.apply().hit) {
                meta.pinned = 1;
            }
            if (meta.plan == PLAN_MASQUERADE) {
                meta.remote_ip = meta.service_ip;
                meta.remote_port = meta.service_port;
                meta.on_host = 0;
                endpoints.apply();
            } else if (meta.pinned == 1) {
                backends.apply();
                if (meta.backend_state != BACKEND_ELIGIBLE) {
                    meta.after = meta.backend_id;
                    if (flows.apply().hit) {
                        backends.apply();
                    }
                    if (meta.backend_state == BACKEND_DRAINING) {
                        if (meta.starts == 1) {
                            meta.pinned = 0;
                        }
                    } else if (meta.backend_state == BACKEND_GONE) {
                        meta.pinned = 0;
                    }
                }
            }

            // ---- ... or where a new one is sent
            if (meta.pinned == 0) {
                meta.hash = flow_hash.get_hash(
                    { meta.client_ip, meta.client_port, meta.outside, meta.service_ip, meta.service_port, meta.protocol });
                meta.port_offset = port_hash.get_hash(
                    { meta.client_ip, meta.client_port, meta.outside, meta.service_ip, meta.service_port, meta.protocol });
                meta.port_step = meta.hash | 1;
                meta.wide_hash = (bit<32>) meta.hash;
                meta.pool = meta.frontend_pool;
            }
            // (Asked again: within one block p4c would compute these values anew at each use.)
            if (meta.pinned == 0) {
                if (meta.protocol == PROTOCOL_TCP && meta.starts == 0) {
                    meta.refusal = DROP_NO_FLOW;
                } else if (meta.plan == PLAN_REFUSE) {
                    meta.refusal = DROP_NO_BACKEND;
                } else if (meta.plan == PLAN_DROP) {
                    meta.drop_reason = DROP_NO_LOCAL_BACKEND;
                } else if (meta.plan == PLAN_BALANCE) {
                    if (meta.ranges_id != 0) {
                        source_ranges.apply();
                    }
                    if (meta.drop_reason == DROP_NONE) {
                        meta.backend_state = BACKEND_GONE;
                        meta.sticky = 0;
                        meta.flow_after = meta.after;
                        if (meta.affinity != 0) {
                            meta.affinity = meta.affinity - 1;
                            meta.after = 0;
                            if (affinities.apply().hit) {
                                backends.apply();
                                if (meta.backend_state != BACKEND_ELIGIBLE) {
                                    meta.after = meta.backend_id;
                                    if (affinities.apply().hit) {
                                        backends.apply();
                                    } else {
                                        meta.sticky = 1;
                                    }
                                }
                            } else {
                                meta.sticky = 1;
                            }
                        }
                        if (meta.backend_state != BACKEND_ELIGIBLE) {
                            meta.bucket = 0;
                            NEXT_DIGIT(64)
                            NEXT_DIGIT(32)
                            NEXT_DIGIT(16)
                            NEXT_DIGIT(8)
                            NEXT_DIGIT(4)
                            NEXT_DIGIT(2)
                            NEXT_DIGIT(1)
                            meta.bucket = meta.bucket >> 16;
                            buckets.apply();
                            backends.apply();
                            if (meta.backend_state == BACKEND_GONE) {
                                meta.refusal = DROP_NO_BACKEND;
                            } else if (meta.sticky == 1) {
                                meta.learn = 1;
                                affinities.apply();
                            }
                        }
                        meta.after = meta.flow_after;
                    }
                }
            }

            // ---- Which source the other end sees
            if (meta.refusal == DROP_NONE && meta.drop_reason == DROP_NONE) {
                meta.local_ip = meta.client_ip;
                meta.local_port = meta.client_port;
                if (meta.pinned == 0) {
                    if (meta.client_ip == meta.remote_ip) {
                        meta.pool = POOL_HAIRPIN;
                    } else if (meta.on_host == 1) {
                        // The node takes nothing that seems to come from itself, and answers through the pipeline anyway.
                        meta.pool = POOL_NONE;
                        if (meta.port_class == CLASS_HOST) {
                            meta.pool = POOL_HAIRPIN;
                        }
                    }
                }
                if (meta.pool != POOL_NONE) {
                    pools.apply();
                    if (meta.pinned == 1) {
                        meta.local_port = meta.source_port;
                    } else if (meta.protocol == PROTOCOL_TCP || meta.protocol == PROTOCOL_UDP) {
                        meta.port_offset = meta.port_offset & meta.port_mask;
                        meta.local_port = meta.port_offset + meta.first_port;
                    }
                }
            }
            if (meta.refusal == DROP_NONE && meta.drop_reason == DROP_NONE) {
                meta.learn = 1;
                replies.apply();
                if (meta.collides == 1 && meta.pinned == 0) {
                    if (meta.protocol == PROTOCOL_TCP || meta.protocol == PROTOCOL_UDP) {
                        if (meta.pool == POOL_NONE) {
                            meta.pool = POOL_NODE;
                            if (meta.on_host == 1) {
                                meta.pool = POOL_HAIRPIN;
                            }
                            pools.apply();
                        }
                        if (meta.drop_reason == DROP_NONE) {
                            TRY_NEXT_PORT
                            TRY_NEXT_PORT
                            TRY_NEXT_PORT
                        }
                    }
                }
                if (meta.collides == 1) {
                    meta.drop_reason = DROP_MASQUERADE;
                } else if (meta.pinned == 0) {
                    meta.source_port = meta.local_port;
                    flows.apply();
                }
            }
        }

        // ---- The rewriting, of either direction
        if (meta.drop_reason == DROP_NONE && (meta.plan != PLAN_NONE || meta.found == 1)) {
            if (meta.refusal == DROP_NONE) {
                checksum.clear();
                if (hdr.tcp.isValid()) {
                    checksum.subtract(hdr.tcp.checksum);
                    checksum.subtract(hdr.tcp.src_port);
                    checksum.subtract(hdr.tcp.dst_port);
                } else if (hdr.udp.isValid()) {
                    checksum.subtract(hdr.udp.checksum);
                    checksum.subtract(hdr.udp.src_port);
                    checksum.subtract(hdr.udp.dst_port);
                }
                checksum.subtract(hdr.ipv4.src_ip);
                checksum.subtract(hdr.ipv4.dst_ip);
                hdr.ipv4.src_ip = meta.local_ip;
                hdr.ipv4.dst_ip = meta.remote_ip;
                checksum.add(hdr.ipv4.src_ip);
                checksum.add(hdr.ipv4.dst_ip);
                if (hdr.tcp.isValid()) {
                    hdr.tcp.src_port = meta.local_port;
                    hdr.tcp.dst_port = meta.remote_port;
                    checksum.add(hdr.tcp.src_port);
                    checksum.add(hdr.tcp.dst_port);
                    hdr.tcp.checksum = checksum.get();
                } else if (hdr.udp.isValid()) {
                    hdr.udp.src_port = meta.local_port;
                    hdr.udp.dst_port = meta.remote_port;
                    // Zero: the sender made none (RFC 768).
                    if (hdr.udp.checksum != 0) {
                        checksum.add(hdr.udp.src_port);
                        checksum.add(hdr.udp.dst_port);
                        hdr.udp.checksum = checksum.get();
                    }
                }
            } else {
                // ---- Refused in the backend's place. Padding of the answer is what follows in the packet: it can't be cut.
                if (meta.refusal == DROP_NO_FLOW) {
                    // RFC 9293, 3.10.7.1: what acknowledges is answered with that number. A SYN is no such packet.
                    if ((hdr.tcp.flags & (TCP_RST | TCP_ACK)) != TCP_ACK) {
                        meta.refusal = DROP_NONE;
                        meta.drop_reason = DROP_NO_FLOW;
                    } else {
                        hdr.ipv4.total_length = 40;
                        hdr.tcp.src_port = meta.service_port;
                        hdr.tcp.dst_port = meta.client_port;
                        hdr.tcp.sequence = hdr.tcp.acknowledgment;
                        hdr.tcp.acknowledgment = 0;
                        hdr.tcp.data_offset = 0x50;
                        hdr.tcp.flags = TCP_RST;
                        hdr.tcp.window = 0;
                        hdr.tcp.urgent = 0;
                        // Protocol and length of the pseudo header ride in the field that is summed anyway.
                        hdr.tcp.checksum = 26;
                        checksum.clear();
                        checksum.add(hdr.tcp);
                        checksum.add(hdr.ipv4.src_ip);
                        checksum.add(hdr.ipv4.dst_ip);
                        hdr.tcp.checksum = checksum.get();
                    }
                } else {
                    // RFC 792: the IP header and eight bytes are quoted.
                    hdr.quoted.setValid();
                    hdr.quoted.version_ihl = hdr.ipv4.version_ihl;
                    hdr.quoted.dscp_ecn = hdr.ipv4.dscp_ecn;
                    hdr.quoted.total_length = hdr.ipv4.total_length;
                    hdr.quoted.identification = hdr.ipv4.identification;
                    hdr.quoted.flags_offset = hdr.ipv4.flags_offset;
                    hdr.quoted.ttl = hdr.ipv4.ttl;
                    hdr.quoted.protocol = hdr.ipv4.protocol;
                    hdr.quoted.checksum = hdr.ipv4.checksum;
                    hdr.quoted.src_ip = hdr.ipv4.src_ip;
                    hdr.quoted.dst_ip = hdr.ipv4.dst_ip;
                    hdr.icmp.setValid();
                    hdr.icmp.type = ICMP_UNREACHABLE;
                    hdr.icmp.code = ICMP_PORT_UNREACHABLE;
                    hdr.icmp.checksum = 0;
                    hdr.icmp.identifier = 0;
                    hdr.icmp.sequence = 0;
                    checksum.clear();
                    checksum.add(hdr.icmp);
                    checksum.add(hdr.quoted);
                    if (hdr.udp.isValid()) {
                        checksum.add(hdr.udp);
                    } else if (hdr.tcp.isValid()) {
                        checksum.add(hdr.tcp.src_port);
                        checksum.add(hdr.tcp.dst_port);
                        checksum.add(hdr.tcp.sequence);
                    } else {
                        checksum.add(hdr.sctp.src_port);
                        checksum.add(hdr.sctp.dst_port);
                        checksum.add(hdr.sctp.verification_tag);
                    }
                    hdr.icmp.checksum = checksum.get();
                    hdr.ipv4.protocol = PROTOCOL_ICMP;
                    hdr.ipv4.total_length = 56;
                }
                hdr.ipv4.identification = 0;
                hdr.ipv4.flags_offset = 0x4000;
                hdr.ipv4.dscp_ecn = 0;
                hdr.ipv4.ttl = 65;
                hdr.ipv4.src_ip = meta.service_ip;
                hdr.ipv4.dst_ip = meta.client_ip;
            }
        }
    }
}
