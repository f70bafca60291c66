//! The store's contract: one list of tests for every backend.
//!
//! Owns what each `Store` method promises. A backend joins by one more opener in `contract!`; a test never names SQL, but
//! for those of one backend's own failures (`sqlite_files`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "store_contract/world.rs"]
mod world;

#[path = "store_contract/invites.rs"]
mod invites;
#[path = "store_contract/log.rs"]
mod log;
#[path = "store_contract/members.rs"]
mod members;
#[path = "store_contract/model.rs"]
mod model;
#[path = "store_contract/reading.rs"]
mod reading;
#[path = "store_contract/rooms.rs"]
mod rooms;
#[path = "store_contract/sign_ins.rs"]
mod sign_ins;
#[path = "store_contract/spawnable.rs"]
mod spawnable;
#[path = "store_contract/sqlite_files.rs"]
mod sqlite_files;
#[path = "store_contract/users.rs"]
mod users;

/// Each test on each backend, as `<backend>::<area>::<test>`.
macro_rules! contract {
    ($($backend:ident: $opener:path),+ ; $areas:tt) => {
        $(contract!(@backend $backend, $opener, $areas);)+
    };
    (@backend $backend:ident, $opener:path, { $($area:ident { $($test:ident),+ $(,)? })+ }) => {
        mod $backend {
            $(mod $area {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    crate::$area::$test($opener().await).await;
                })+
            })+
        }
    };
}

contract! {
    sqlite: crate::world::sqlite; {
        users {
            a_name_is_taken_once,
            a_profile_changes_in_part,
            pages_go_from_the_oldest_on,
            a_guest_becomes_an_account,
            a_deleted_user_leaves_messages_behind,
            an_owner_of_others_stays,
            settings_are_taken_once,
            the_admin_is_claimed_once_or_nothing_is_spent,
        }
        sign_ins {
            a_generation_is_spent_once,
            a_repetition_gets_the_unused_successor,
            reuse_ends_the_family,
            the_expired_and_the_unknown_are_over,
            ending_all_but_one,
        }
        rooms {
            a_room_comes_whole,
            a_slug_is_taken_once,
            strangers_see_nothing,
            a_room_changes_in_part,
            a_deleted_room_takes_everything_along,
            letters_run_out_and_come_back,
            a_channel_changes_in_part,
        }
        members {
            pages_go_by_join_time,
            ownership_is_handed_over,
            the_owner_cannot_leave,
            who_leaves_is_out,
            invites_end_with_the_right_to_give_them,
        }
        invites {
            uses_are_counted_exactly,
            a_member_uses_nothing_up,
            dead_invites_are_gone,
            a_guest_comes_whole_or_not_at_all,
            a_room_holds_a_hundred_live_ones,
        }
        log {
            a_message_is_logged_and_answered,
            a_key_is_used_once,
            a_key_outlives_edit_and_deletion,
            racing_keys_become_one_message,
            replies_need_a_message,
            mentions_name_members,
            an_edit_is_seen_everywhere,
            a_deletion_leaves_no_text,
            reactions_count_people,
            pins_come_and_go,
            names_follow_a_rename,
            a_bad_write_fails_alone,
            a_thousand_senders_see_one_order,
            a_caller_that_leaves_costs_nothing,
            nobody_has_to_listen,
            closing_does_not_wait_for_a_listener,
            a_closed_store_refuses,
            what_was_answered_survives_reopening,
            a_full_queue_refuses_at_once,
        }
        model {
            random_changes_agree_with_the_model,
        }
        reading {
            history_pages_both_ways,
            unread_counts_others_living_messages,
            markers_only_move_forward,
            mentions_count_once,
            newcomers_start_at_the_head,
        }
    }
}
