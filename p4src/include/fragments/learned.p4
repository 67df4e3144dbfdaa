// SPDX-License-Identifier: Apache-2.0
// Part of the main control: the ports of a fragmented packet, learned from the first fragment.

    action fragment_ports(bit<16> client_port, bit<16> service_port) {
        hdr.fragment.known = FRAGMENT_KNOWN;
        if (hdr.fragment.first == 0) {
            meta.client_port = client_port;
            meta.service_port = service_port;
        } else {
            if (client_port != hdr.fragment.client_port) {
                hdr.fragment.known = FRAGMENT_COLLIDES;
            } else if (service_port != hdr.fragment.service_port) {
                hdr.fragment.known = FRAGMENT_COLLIDES;
            }
        }
        restart_expire_timer();
    }

    action note_fragment() {
        hdr.fragment.known = FRAGMENT_UNKNOWN;
        if (hdr.fragment.first == 1) {
            add_entry(
                action_name = "fragment_ports",
                action_params = { hdr.fragment.client_port, hdr.fragment.service_port },
                expire_time_profile_id = (ExpireTimeProfileId_t) meta.new_expiry);
        }
    }

    table fragments {
        key = {
            hdr.fragment.src_ip: exact @name("src_ip");
            hdr.fragment.dst_ip: exact @name("dst_ip");
            hdr.fragment.identification: exact @name("identification");
            hdr.fragment.protocol: exact @name("protocol");
        }
        actions = {
            @tableonly fragment_ports;
            @defaultonly note_fragment;
        }
        add_on_miss = true;
        idle_timeout_with_auto_delete = true;
        const default_action = note_fragment;
        size = 65536;
    }
