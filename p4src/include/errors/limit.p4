// SPDX-License-Identifier: Apache-2.0
// Part of the main control: recently sent messages, and packets to neighbours that are not resolved. It limits their rate in place
// of a meter, which infrap4d does not support.

    action told() {
        hdr.answer.limited = 1;
    }

    action note_told() {
        hdr.answer.limited = 0;
        if (hdr.answer.takes == 1) {
            add_entry(action_name = "told", action_params = {}, expire_time_profile_id = (ExpireTimeProfileId_t) meta.new_expiry);
        }
    }

    table answers {
        key = {
            hdr.answer.address: exact @name("address");
            hdr.answer.kind: exact @name("kind");
            hdr.answer.slot: exact @name("slot");
        }
        actions = {
            @tableonly told;
            @defaultonly note_told;
        }
        add_on_miss = true;
        idle_timeout_with_auto_delete = true;
        const default_action = note_told;
        size = 65536;
    }
