"""Which names of fields are of the run itself: long lists of both, as libraries and people write them."""

from __future__ import annotations

import pytest

from reprise.schemas.field_names import kind_of_field
from reprise.schemas.tolerance import Tolerance

OF_THE_RUN = {
    "duration": """
    time times train_time training_time fit_time mean_fit_time std_fit_time mean_score_time
    refit_time refit_time_ score_time predict_time prediction_time inference_time avg_inference_time
    inference_time_ms epoch_time epoch_time_s time_epoch time/epoch time/train time_per_epoch
    seconds_per_epoch sec_per_iter ms_per_step elapsed elapsed_time elapsed_s elapsed_seconds
    time_elapsed total_time total_time_s time_total_s time_this_iter_s time_since_restore
    train_runtime eval_runtime runtime run_time runtime_seconds _runtime wall_time walltime
    wall_clock_time cpu_time gpu_time user_time sys_time real_time duration duration_s duration_ms
    duration_seconds run_duration took took_ms seconds secs epoch_seconds eval_secs training_seconds
    data_time batch_time iter_time step_time forward_time backward_time load_time loading_time
    build_time compile_time optimization_time search_time tuning_time fit_duration process_time
    preprocessing_time execution_time exec_time computation_time compute_time solve_time timer
    timings query_time encode_time decode_time pred_time_val pred_time_val_marginal
    fit_time_marginal passed_time remaining_time Wall_time WallTime trainTime trainingTimeSeconds
    train_time(s) time_ms total_ms infer_ms p95_ms mean_ms load_ms train_s fit_s gpu_hours
    training_hours training_minutes time_in_seconds eta_seconds kmeans_time xgb_time svm_fit_time
    time_spent time_taken cv_time time_s time_sec train.time fit-time mean_test_time time/step
    ms/step tokenize_time embedding_time
    """,
    "clock": """
    timestamp _timestamp timestamps timestamp_ms datetime date created created_at createdAt
    created_on creation_date creation_time date_created generated_at updated_at saved_at exported_at
    trained_at trained_on run_date training_date report_date execution_date build_date start_time
    end_time started_at finished_at completed_at last_updated last_modified utc_time_created
    datetime_start datetime_complete time_created current_time now run_timestamp model_created_at
    logged_at evaluated_at
    """,
    "rate": """
    throughput train_samples_per_second eval_steps_per_second samples_per_sec tokens_per_second
    tokens_per_s tokens/s samples/sec it/s fps qps rps inference_fps throughput_rps
    examples_per_second training_speed inference_speed speedup img/s steps_per_sec mb_per_s mb/s
    samples_per_minute queries_per_second
    """,
    "latency": """
    latency latency_ms p99_latency p50_latency_ms avg_latency latency_mean time_to_first_token
    ttft_ms response_time avg_response_time inference_latency latency/p95
    """,
    "memory": """
    memory memory_mb peak_memory peak_memory_mb mem gpu_mem gpu_memory max_memory_allocated
    memory_usage ram_usage peak_rss max_rss_kb maxrss peak_vram_gb memory_used_gb mem_mb cpu_mem
    """,
    "machine": """
    system/cpu_utilization_percentage cpu_percent gpu_utilization gpu_util cpu_usage gpu_power
    """,
}
RESULTS = """
best_window best_lag best_lag_ms lifetime_value timesteps time_steps time_step n_timesteps
time_series_split n_times num_times times_seen n_seconds_lag time_limit time_budget timeout
timeout_seconds time_column time_col time_zone timezone time_window window_seconds window_ms lag_seconds
horizon_seconds interval_seconds sampling_rate time_to_event survival_time time_constant time_dim
time_embedding time_lag time_delay lead_time best_lead_time arrival_time departure_time delivery_time
trip_duration predicted_duration actual_duration trip_time travel_time predicted_time time_of_day
half_life relaxation_time decay_time dead_time event_time mean_time_to_failure full_time part_time
time_decay time_signature time_mae duration_mae rmse_duration duration_rmse time_index
time_feature_importance hours hours_per_week minutes days age epoch epochs step steps loss accuracy eta
learning_rate anomaly_at peak_at customer_id optimal_lag threshold start_date end_date train_start_date
due_date birth_date order_date release_date memory_size replay_memory_size memory_dim memory_cells
memory_limit memory_bank memory_efficient rss gflops flops total_flos bandwidth wind_speed speed bitrate
hop_ms frame_ms stride_ms audio_seconds sampling_interval_ms sales_us gdp_us rate_us beats_per_minute
miles_per_hour cost_per_hour per_class_accuracy samples_per_class steps_per_epoch images_per_class
tokens_per_word max_steps early_stopping_rounds lr batch_size batch n_estimators timepoints daytime
runtime_error_count time_aware time_frequency_mask first_time_buyers minutes_played sec_filings
second_order second_moment second_layer_units secondary primary update_count updates_per_step
created_count datetime_format date_format date_column forecast_date n_dates event_timestamp
anomaly_timestamp best_timestamp timestamp_col n_timestamps latent_dim latency_budget_ms ram_size_gb
cpu_count n_gpus gpu_name cores rate dropout_rate mean std sd score score_mean test_score train_loss
val_loss mins_since_last time_since_last_purchase time_in_bed time_on_site process_count run_id
memory_mb_limit qps_target expected_throughput target_latency_ms predicted_latency sdnn_ms
rr_interval_ms duration_days onset_time peak_time cycle_time
"""


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for kind, names in OF_THE_RUN.items() for name in names.split()]
)
def test_a_clock_or_a_cost_of_the_run(name: str, kind: str) -> None:
    assert kind_of_field(name) == kind
    assert Tolerance().kind_set_aside(name) == kind
    assert Tolerance(strict=True).kind_set_aside(name) is None


@pytest.mark.parametrize("name", [*RESULTS.split(), "", "_", "1", "/", "été", "数"])
def test_a_result_or_a_setting(name: str) -> None:
    assert kind_of_field(name) is None


def test_a_tolerance_file_adds_and_removes_names() -> None:
    given = Tolerance(ignore=("my_*", "train_time"), compare=("train_time", "*_fps"))
    assert given.kind_set_aside("my_clock") == "ignored"
    assert given.kind_set_aside("train_time") is None
    assert given.kind_set_aside("decode_fps") is None
    assert given.kind_set_aside("eval_time") == "duration"
